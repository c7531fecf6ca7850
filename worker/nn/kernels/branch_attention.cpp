#include "worker/nn/kernels/branch_attention.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <type_traits>

#include "worker/nn/kernels/bfloat16_product.h"
#include "worker/nn/kernels/row_kernels.h"
#include "worker/nn/kernels/tile_branch_attention.h"

namespace lacuna {
namespace {

// A matrix in row-major order.
template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t stride = 0;  // elements from row to row
  std::int64_t rows = 0;
};

// x W^T -> y over `depth` columns: y [x.rows, weight.rows]. Dot by dot.
template <class T>
void multiply_dots(const Matrix<const T>& x, const Matrix<const T>& weight, std::int64_t depth,
                   const Matrix<T>& y) {
  for (std::int64_t row = 0; row < x.rows; ++row) {
    score_keys(x.data + row * x.stride, weight.data, weight.stride, weight.rows, depth,
               y.data + row * y.stride);
  }
}

void multiply(const Matrix<const float>& x, const Matrix<const float>& weight, std::int64_t depth,
              const Matrix<float>& y) {
  multiply_dots(x, weight, depth, y);
}

void multiply(const Matrix<const BFloat16>& x, const Matrix<const BFloat16>& weight, std::int64_t depth,
              const Matrix<BFloat16>& y) {
  const ProductOperand operand{.weight = weight.data,
                               .weight_stride = weight.stride,
                               .output = y.data,
                               .output_stride = y.stride,
                               .features = weight.rows};
  const ProductRows rows{.x = x.data, .stride = x.stride, .rows = x.rows, .depth = depth};
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports(kernel, rows, {&operand, 1})) return multiply_dots(x, weight, depth, y);
  BFloat16Product(kernel, rows, {&operand, 1}).run();
}

}  // namespace

template <class T>
void attend_branches(const BranchContext<T>& context, std::span<const std::int64_t> slots, std::int64_t group,
                     const T* q, std::int64_t stride, T* output) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    if (supports_tile_branches(best_product_kernel(), context)) {
      return attend_tile_branches(context, slots, group, q, stride, output);
    }
  }
  const std::int64_t head_dim = context.head_dim;
  const auto branches = static_cast<std::int64_t>(slots.size());
  const std::int64_t rows = branches * group;
  const std::int64_t visible = context.prompt_count + context.response_count;
  const std::int64_t padded_prompt = pad_to_depth_step(context.prompt_count);
  const std::int64_t width = std::max(padded_prompt, visible);
  const auto scratch =
      std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(rows * (2 * head_dim + width)));
  const auto exponentials = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(width));
  T* const queries = scratch.get();           // [rows, head_dim]
  T* const sums = queries + rows * head_dim;  // [rows, head_dim]
  T* const weights = sums + rows * head_dim;  // [rows, width]: prompt, then response
  for (std::int64_t i = 0; i < branches; ++i) {
    std::copy_n(q + i * stride, group * head_dim, queries + i * group * head_dim);
  }
  std::fill_n(sums, rows * head_dim, T{});

  if (context.prompt_count > 0) {
    multiply({queries, head_dim, rows}, {context.prompt_keys, head_dim, context.prompt_count}, head_dim,
             {weights, width, rows});
  }
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)));
  for (std::int64_t row = 0; row < rows; ++row) {
    const T* const keys =
        context.response_keys + slots[static_cast<std::size_t>(row / group)] * context.slot_stride;
    T* const row_weights = weights + row * width;
    score_keys(queries + row * head_dim, keys, head_dim, context.response_count, head_dim,
               row_weights + context.prompt_count);
    softmax_row(row_weights, width, 0, visible, scale, exponentials.get());
  }
  // The response's weights meet the zeros behind the prompt's values.
  if (context.prompt_count > 0) {
    multiply({weights, width, rows}, {context.prompt_values, context.value_stride, head_dim}, padded_prompt,
             {sums, head_dim, rows});
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const T* const values =
        context.response_values + slots[static_cast<std::size_t>(row / group)] * context.slot_stride;
    add_weighted_values(weights + row * width + context.prompt_count, values, context.response_count,
                        head_dim, sums + row * head_dim);
  }
  for (std::int64_t i = 0; i < branches; ++i) {
    std::copy_n(sums + i * group * head_dim, group * head_dim, output + i * stride);
  }
}

template void attend_branches<float>(const BranchContext<float>&, std::span<const std::int64_t>, std::int64_t,
                                     const float*, std::int64_t, float*);
template void attend_branches<BFloat16>(const BranchContext<BFloat16>&, std::span<const std::int64_t>,
                                        std::int64_t, const BFloat16*, std::int64_t, BFloat16*);

}  // namespace lacuna
