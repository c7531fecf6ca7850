// Which body computes a task, and on what grid of blocks. A launcher has
//   run(body, rows, columns)    body(block, x, y) in blocks (0 ... rows - 1, 0 ... columns - 1)
// and either is CUDA's (kernels.cu) or the tests' (tests/worker/nn/cuda/emulated_kernels.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "worker/nn/cuda/decode_body.h"
#include "worker/nn/cuda/row_bodies.h"

namespace lacuna::cuda {

// Calls work(constant) with the number of elements that a thread moves at once.
template <class T, class Work>
void with_vector(bool is_vectorizable, const Work& work) {
  if (is_vectorizable) {
    work(std::integral_constant<int, kVectorOf<T>>());
  } else {
    work(std::integral_constant<int, 1>());
  }
}

template <class T, class Launcher>
void start(const NormalizeTask<T>& task, Launcher& launcher) {
  const bool vectorizable = is_vectorizable(task.x, task.x_stride, task.width) &&
                            is_vectorizable(task.weight, 0, task.width) &&
                            is_vectorizable(task.y, task.width, task.width);
  with_vector<T>(vectorizable, [&](auto vector) {
    launcher.run(NormalizeBody<decltype(vector)::value, T>{task}, task.rows, 1);
  });
}

template <class T, class Launcher>
void start(const MeasureTask<T>& task, Launcher& launcher) {
  with_vector<T>(is_vectorizable(task.x, task.x_stride, task.width), [&](auto vector) {
    launcher.run(MeasureBody<decltype(vector)::value, T>{task}, task.rows, 1);
  });
}

template <class T, class Launcher>
void start(const RotateTask<T>& task, Launcher& launcher) {
  const std::int64_t half = task.head_dim / 2;
  const bool vectorizable = is_vectorizable(task.x, task.x_stride, half) &&
                            is_vectorizable(task.cosine, half, half) &&
                            is_vectorizable(task.sine, half, half) && is_vectorizable(task.y, half, half);
  with_vector<T>(vectorizable, [&](auto vector) {
    launcher.run(RotateBody<decltype(vector)::value, T>{task}, task.tokens, 1);
  });
}

template <class T, class Launcher>
void start(const GateTask<T>& task, Launcher& launcher) {
  const bool vectorizable = is_vectorizable(task.gate, task.gate_stride, task.width) &&
                            is_vectorizable(task.up, task.up_stride, task.width) &&
                            is_vectorizable(task.y, task.width, task.width);
  with_vector<T>(vectorizable, [&](auto vector) {
    using Body = GateBody<decltype(vector)::value, T>;
    const int stretch = Body::kThreads * decltype(vector)::value;
    const int parts = std::min((task.width + stretch - 1) / stretch, 1024);
    launcher.run(Body{task, parts}, task.rows, parts);
  });
}

// Whether the attention kernel takes such heads, `group` of them for each kv head.
inline bool takes_heads(std::int64_t group, std::int64_t head_dim) {
  return group >= 1 && group <= kMostGroup && head_dim >= kHeadDimStep && head_dim <= kMostHeadDim &&
         head_dim % kHeadDimStep == 0;
}

// Whether the attention kernel takes the task.
template <class T>
bool is_decodable(const DecodeTask<T>& task) {
  const auto is_aligned = [&](const T* rows, std::int64_t stride) {
    return is_vectorizable(rows, stride, task.head_dim);
  };
  const std::int64_t keys = task.prompt_capacity + task.response_capacity;
  return takes_heads(task.group, task.head_dim) && keys < std::numeric_limits<int>::max() / 2 &&
         is_aligned(task.q, task.q_stride) && is_aligned(task.k, task.k_stride) &&
         is_aligned(task.v, task.v_stride) && is_aligned(task.prompt_keys, 0) &&
         is_aligned(task.prompt_values, 0) && is_aligned(task.response_keys, 0) &&
         is_aligned(task.response_values, 0);
}

// The task is_decodable.
template <class T, class Launcher>
void start(const DecodeTask<T>& task, Launcher& launcher) {
  const auto run = [&](auto group) {
    launcher.run(DecodeBody<decltype(group)::value, T>{task}, task.rows, task.kv_heads);
  };
  if (task.group <= 1) return run(std::integral_constant<int, 1>());
  if (task.group <= 2) return run(std::integral_constant<int, 2>());
  if (task.group <= 4) return run(std::integral_constant<int, 4>());
  if (task.group <= 8) return run(std::integral_constant<int, 8>());
  run(std::integral_constant<int, 16>());
}

}  // namespace lacuna::cuda
