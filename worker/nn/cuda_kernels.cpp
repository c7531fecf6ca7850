#include "worker/nn/cuda_kernels.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>

#include <cstdlib>
#include <limits>
#include <string>

#include "core/error.h"
#include "worker/nn/cuda/start_kernels.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernel_stream.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

thread_local int comparisons = 0;  // WithoutCudaKernels alive

bool are_wanted() {
  static const bool wanted = [] {
    const char* const variable = std::getenv("LACUNA_CUDA_KERNELS");
    const std::string value = variable != nullptr && *variable != '\0' ? variable : "on";
    if (value == "on" || value == "off") return value == "on";
    throw InputError({.problem = "LACUNA_CUDA_KERNELS is '" + value + "'", .suggestion = "use on or off"});
  }();
  return wanted && comparisons == 0;
}

// The stream for x, if the kernels take its dtype and device, and its rows are contiguous.
std::optional<cuda::Stream> find_stream_for(const at::Tensor& x) {
  const bool fits = is_kernel_type(x.scalar_type()) && x.dim() >= 2 && x.stride(-1) == 1 &&
                    !at::GradMode::is_enabled() && x.numel() < std::numeric_limits<int>::max() * x.size(0);
  if (!fits || !are_wanted()) return std::nullopt;
  return find_kernel_stream(x.device());
}

bool goes_with(const at::Tensor& other, const at::Tensor& x) {
  return other.scalar_type() == x.scalar_type() && other.device() == x.device() && other.stride(-1) == 1;
}

// Elements from row to row. LibTorch leaves a single row any stride.
std::int64_t find_row_stride(const at::Tensor& x) {
  return x.size(0) == 1 ? x.numel() : x.stride(0);
}

// Whether the heads of each row of x [rows, heads, head_dim] are contiguous.
bool has_whole_rows(const at::Tensor& x) {
  return x.dim() == 3 && (x.size(1) == 1 || x.stride(1) == x.size(2));
}

// Queues make_task(T{}) with the kernel type of x, on x's device.
template <class MakeTask>
void launch_for(const at::Tensor& x, cuda::Stream stream, const MakeTask& make_task) {
  if (x.numel() == 0) return;
  const at::DeviceGuard device(x.device());
  with_kernel_type(x.scalar_type(), [&]<class T>(T type) { cuda::launch(make_task(type), stream); });
}

template <class T>
cuda::DecodeTask<T> make_decode_task(const PooledStep& step, LayerIndex layer, const at::Tensor& q,
                                     const at::Tensor& k, const at::Tensor& v, std::int64_t window,
                                     const at::Tensor& prompt_keys, const at::Tensor& output) {
  const at::Tensor response_keys = step.pool.response_keys(layer);
  return {.q = elements_of<T>(q),
          .q_stride = find_row_stride(q),
          .k = elements_of<T>(k),
          .k_stride = find_row_stride(k),
          .v = elements_of<T>(v),
          .v_stride = find_row_stride(v),
          .prompt_keys = elements_of<T>(prompt_keys),
          .prompt_values = elements_of<T>(step.pool.prompt_values(layer)),
          .prompt_capacity = prompt_keys.size(2),
          .response_keys = elements_of<T>(response_keys),
          .response_values = elements_of<T>(step.pool.response_values(layer)),
          .response_capacity = response_keys.size(3),
          .prompt_lengths = elements_of<std::int64_t>(step.prompt_lengths),
          .cells = elements_of<std::int64_t>(step.cells),
          .sequences = step.pool.sequences(),
          .response_length = step.response_length,
          .window = window,
          .rows = q.size(0),
          .kv_heads = static_cast<int>(k.size(1)),
          .group = static_cast<int>(q.size(1) / k.size(1)),
          .head_dim = static_cast<int>(q.size(2)),
          .scale = score_scale(q.size(2)),
          .output = elements_of<T>(output)};
}

}  // namespace

WithoutCudaKernels::WithoutCudaKernels() {
  ++comparisons;
}
WithoutCudaKernels::~WithoutCudaKernels() {
  --comparisons;
}

std::optional<at::Tensor> normalize_rms_on_gpu(const at::Tensor& x, const at::Tensor& weight,
                                               double epsilon) {
  const auto stream = find_stream_for(x);
  if (!stream || x.dim() != 2 || !goes_with(weight, x)) return std::nullopt;
  const at::Tensor y = at::empty(x.sizes(), x.options());
  launch_for(x, *stream, [&]<class T>(T) {
    return cuda::NormalizeTask<T>{.x = elements_of<T>(x),
                                  .x_stride = find_row_stride(x),
                                  .weight = elements_of<T>(weight),
                                  .epsilon = static_cast<float>(epsilon),
                                  .rows = x.size(0),
                                  .width = static_cast<int>(x.size(1)),
                                  .y = elements_of<T>(y)};
  });
  return y;
}

std::optional<at::Tensor> measure_l2_on_gpu(const at::Tensor& stream) {
  const auto queue = find_stream_for(stream);
  if (!queue || stream.dim() != 2) return std::nullopt;
  const at::Tensor norms = at::empty({stream.size(0)}, stream.options().dtype(at::kFloat));
  launch_for(stream, *queue, [&]<class T>(T) {
    return cuda::MeasureTask<T>{.x = elements_of<T>(stream),
                                .x_stride = find_row_stride(stream),
                                .rows = stream.size(0),
                                .width = static_cast<int>(stream.size(1)),
                                .norms = elements_of<float>(norms)};
  });
  return norms;
}

std::optional<at::Tensor> rotate_on_gpu(const at::Tensor& x, const at::Tensor& cosine,
                                        const at::Tensor& sine) {
  const auto stream = find_stream_for(x);
  const auto is_table = [&](const at::Tensor& angles) {
    return goes_with(angles, x) && angles.is_contiguous();
  };
  if (!stream || !has_whole_rows(x) || x.size(2) % 2 != 0 || !is_table(cosine) || !is_table(sine))
    return std::nullopt;
  const at::Tensor y = at::empty(x.sizes(), x.options());
  launch_for(x, *stream, [&]<class T>(T) {
    return cuda::RotateTask<T>{.x = elements_of<T>(x),
                               .x_stride = find_row_stride(x),
                               .cosine = elements_of<T>(cosine),
                               .sine = elements_of<T>(sine),
                               .tokens = x.size(0),
                               .heads = static_cast<int>(x.size(1)),
                               .head_dim = static_cast<int>(x.size(2)),
                               .y = elements_of<T>(y)};
  });
  return y;
}

std::optional<at::Tensor> apply_silu_gate_on_gpu(const at::Tensor& gate, const at::Tensor& up) {
  const auto stream = find_stream_for(gate);
  if (!stream || gate.dim() != 2 || !goes_with(up, gate)) return std::nullopt;
  const at::Tensor y = at::empty(gate.sizes(), gate.options());
  launch_for(gate, *stream, [&]<class T>(T) {
    return cuda::GateTask<T>{.gate = elements_of<T>(gate),
                             .gate_stride = find_row_stride(gate),
                             .up = elements_of<T>(up),
                             .up_stride = find_row_stride(up),
                             .rows = gate.size(0),
                             .width = static_cast<int>(gate.size(1)),
                             .y = elements_of<T>(y)};
  });
  return y;
}

std::optional<at::Tensor> attend_pool_on_gpu(const PooledStep& step, LayerIndex layer, const at::Tensor& q,
                                             const at::Tensor& k, const at::Tensor& v, std::int64_t window) {
  const auto stream = find_stream_for(q);
  const bool fits = stream && has_whole_rows(q) && has_whole_rows(k) && has_whole_rows(v) &&
                    goes_with(k, q) && goes_with(v, q);
  if (!fits) return std::nullopt;
  const at::Tensor prompt_keys = step.pool.prompt_keys(layer);
  if (!goes_with(prompt_keys, q)) return std::nullopt;
  const at::Tensor output = at::empty({q.size(0), q.size(1) * q.size(2)}, q.options());
  bool is_decodable = false;
  const at::DeviceGuard device(q.device());
  with_kernel_type(q.scalar_type(), [&]<class T>(T) {
    const auto task = make_decode_task<T>(step, layer, q, k, v, window, prompt_keys, output);
    is_decodable = cuda::is_decodable(task);
    if (is_decodable && task.rows > 0) cuda::launch(task, *stream);
  });
  if (!is_decodable) return std::nullopt;
  return output;
}

bool attends_pool_on_gpu(const CachePool& pool, const at::Tensor& q) {
  return find_stream_for(q) && cuda::takes_heads(q.size(1) / pool.kv_heads(), q.size(2));
}

}  // namespace lacuna
