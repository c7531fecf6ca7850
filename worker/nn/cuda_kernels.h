// Steps of a layer by our kernels for a GPU (worker/nn/cuda), a launch each instead of a chain of LibTorch's
// operators. A function returns nothing, and has done nothing, where the kernels cannot: not on a GPU, a
// build without them, LACUNA_CUDA_KERNELS=off, another dtype than float32 and bfloat16, gradients being
// recorded, or a shape or layout that they do not take. What they queue is on LibTorch's current stream.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

#include "core/ids.h"
#include "worker/nn/cache_pool.h"

namespace lacuna {

// As RmsNorm::forward; x [tokens, hidden], rows contiguous.
std::optional<at::Tensor> normalize_rms_on_gpu(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// As measure_l2_norms; stream [tokens, hidden], rows contiguous.
std::optional<at::Tensor> measure_l2_on_gpu(const at::Tensor& stream);

// As rotate(); x [tokens, heads, head_dim], a token's heads contiguous, cosine and sine [tokens, head_dim].
std::optional<at::Tensor> rotate_on_gpu(const at::Tensor& x, const at::Tensor& cosine,
                                        const at::Tensor& sine);

// silu(gate) * up; both [tokens, width], rows contiguous.
std::optional<at::Tensor> apply_silu_gate_on_gpu(const at::Tensor& gate, const at::Tensor& up);

// A decode step of branches in a pool, for attention.
struct PooledStep {
  const CachePool& pool;
  at::Tensor cells;                  // int64 [rows]: slot * sequences + sequence
  at::Tensor prompt_lengths;         // int64 [sequences]
  std::int64_t response_length = 0;  // of every sequence, without the new token
};

// As PooledDecode::attend: writes the rows' keys and values to the pool and attends, in one launch. Heads of
// a row are contiguous.
std::optional<at::Tensor> attend_pool_on_gpu(const PooledStep& step, LayerIndex layer, const at::Tensor& q,
                                             const at::Tensor& k, const at::Tensor& v, std::int64_t window);

// Whether attend_pool_on_gpu would take queries as q [rows, heads, head_dim] against a pool of such heads.
bool attends_pool_on_gpu(const CachePool& pool, const at::Tensor& q);

// While one lives the functions above return nothing in this thread, for comparisons.
class WithoutCudaKernels {
 public:
  WithoutCudaKernels();
  ~WithoutCudaKernels();
  WithoutCudaKernels(const WithoutCudaKernels&) = delete;
  WithoutCudaKernels& operator=(const WithoutCudaKernels&) = delete;
};

}  // namespace lacuna
