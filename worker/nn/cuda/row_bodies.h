// Bodies of the kernels that work on rows of a pass: norms, rotary embedding, gate (tasks.h says what they
// compute). A body is called by every thread of block (x, y) of a grid. kVector: elements that a thread moves
// at once, kVectorOf<T> or 1. kThreads: of a block on a GPU; kBlocks: how many of them one of its processors
// is to have room for, which bounds the registers.
#pragma once

#include <cmath>

#include "worker/nn/cuda/block.h"
#include "worker/nn/cuda/packed.h"
#include "worker/nn/cuda/tasks.h"

namespace lacuna::cuda {

// This thread's share of the sum of squares of row x [width].
template <int kVector, class T, KernelBlock Block>
LACUNA_KERNEL_BODY float add_own_squares(const Block& block, const T* x, int width) {
  float sum = 0;
  for (int i = block.thread() * kVector; i < width; i += block.threads() * kVector) {
    const auto values = load_packed<kVector>(x + i);
    LACUNA_UNROLL
    for (int e = 0; e < kVector; ++e) sum += widen(values.elements[e]) * widen(values.elements[e]);
  }
  return sum;
}

// Block (x, 0) normalises row x.
template <int kVector, class T>
struct NormalizeBody {
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 8;
  static int count_scratch(int threads) { return threads; }

  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void operator()(Block& block, std::int64_t row, int) const {
    const T* const x = task.x + row * task.x_stride;
    T* const y = task.y + row * task.width;
    const float sum = add_over_block(block, add_own_squares<kVector>(block, x, task.width));
    const float inverse_rms = 1.0F / sqrtf(sum / static_cast<float>(task.width) + task.epsilon);
    for (int i = block.thread() * kVector; i < task.width; i += block.threads() * kVector) {
      const auto values = load_packed<kVector>(x + i);
      const auto weights = load_packed<kVector>(task.weight + i);
      Packed<T, kVector> scaled;
      LACUNA_UNROLL
      for (int e = 0; e < kVector; ++e) {
        const T normalized = narrow_to<T>(widen(values.elements[e]) * inverse_rms);
        scaled.elements[e] = narrow_to<T>(widen(weights.elements[e]) * widen(normalized));
      }
      store_packed(y + i, scaled);
    }
  }

  NormalizeTask<T> task;
};

// Block (x, 0) measures row x.
template <int kVector, class T>
struct MeasureBody {
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 8;
  static int count_scratch(int threads) { return threads; }

  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void operator()(Block& block, std::int64_t row, int) const {
    const T* const x = task.x + row * task.x_stride;
    const float sum = add_over_block(block, add_own_squares<kVector>(block, x, task.width));
    if (block.thread() == 0) task.norms[row] = sqrtf(sum);
  }

  MeasureTask<T> task;
};

// Block (x, 0) rotates the heads of token x. kVector divides head_dim / 2.
template <int kVector, class T>
struct RotateBody {
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 8;
  static int count_scratch(int) { return 0; }

  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void operator()(Block& block, std::int64_t token, int) const {
    const int half = task.head_dim / 2;
    const int vectors = half / kVector;  // of a half
    for (int item = block.thread(); item < task.heads * vectors; item += block.threads()) {
      const int i = item % vectors * kVector;
      const int place = item / vectors * task.head_dim + i;
      rotate(token * task.x_stride + place, token * task.head_dim + i,
             token * task.heads * task.head_dim + place, half);
    }
  }

  // Elements of a head's first half at x + from, those of its second half at x + from + half.
  LACUNA_KERNEL_BODY void rotate(std::int64_t from, std::int64_t angle, std::int64_t to, int half) const {
    const auto first = load_packed<kVector>(task.x + from);
    const auto second = load_packed<kVector>(task.x + from + half);
    const auto cosine = load_packed<kVector>(task.cosine + angle);
    const auto sine = load_packed<kVector>(task.sine + angle);
    Packed<T, kVector> first_rotated;
    Packed<T, kVector> second_rotated;
    LACUNA_UNROLL
    for (int e = 0; e < kVector; ++e) {
      const auto multiply = [](T a, T b) {
        return widen(narrow_to<T>(multiply_rounded(widen(a), widen(b))));
      };
      const T a = first.elements[e];
      const T b = second.elements[e];
      const T cos = cosine.elements[e];
      const T sin = sine.elements[e];
      first_rotated.elements[e] = narrow_to<T>(multiply(a, cos) - multiply(b, sin));
      second_rotated.elements[e] = narrow_to<T>(multiply(b, cos) + multiply(a, sin));
    }
    store_packed(task.y + to, first_rotated);
    store_packed(task.y + to + half, second_rotated);
  }

  RotateTask<T> task;
};

// Block (x, y) computes every `parts`-th stretch of row x, from stretch y on; a stretch is a vector for each
// thread.
template <int kVector, class T>
struct GateBody {
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 8;
  static int count_scratch(int) { return 0; }

  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void operator()(Block& block, std::int64_t row, int part) const {
    const T* const gate = task.gate + row * task.gate_stride;
    const T* const up = task.up + row * task.up_stride;
    T* const y = task.y + row * task.width;
    const int step = block.threads() * kVector;
    for (int i = part * step + block.thread() * kVector; i < task.width; i += parts * step) {
      const auto gates = load_packed<kVector>(gate + i);
      const auto ups = load_packed<kVector>(up + i);
      Packed<T, kVector> gated;
      LACUNA_UNROLL
      for (int e = 0; e < kVector; ++e) {
        const float value = widen(gates.elements[e]);
        const T activated = narrow_to<T>(value / (1.0F + expf(-value)));
        gated.elements[e] = narrow_to<T>(widen(activated) * widen(ups.elements[e]));
      }
      store_packed(y + i, gated);
    }
  }

  GateTask<T> task;
  int parts = 1;
};

}  // namespace lacuna::cuda
