// y = x W^T + b.
#pragma once

#include <ATen/ATen.h>

#include <initializer_list>
#include <vector>

namespace lacuna {

struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined

  // x [tokens, in] -> [tokens, out], in x's dtype. Differentiable when gradients are being recorded.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
  // addend + forward(x), the latter rounded to x's dtype; addend [tokens, out].
  [[nodiscard]] at::Tensor forward_added(const at::Tensor& x, const at::Tensor& addend) const;
};

// The products of one x with several weights, as each one's forward gives them, but computed side by side:
// one start of the threads instead of one for each; as one product where join_weights was called. They may be
// columns of one tensor.
std::vector<at::Tensor> forward_together(const at::Tensor& x, std::initializer_list<const Linear*> linears);

// Moves weights of one depth, and their biases if they all have one, behind each other into one tensor, of
// which they become views. LibTorch then multiplies them as one matrix, which a GPU needs for the small ones
// to be worth its while; our own kernels do not care.
void join_weights(std::initializer_list<Linear*> linears);

// x W^T -> `product`, in the calling thread; x [rows, depth], weight [features, depth], product [rows,
// features], of one dtype, each contiguous along its last axis.
void multiply_into(const at::Tensor& product, const at::Tensor& x, const at::Tensor& weight);

}  // namespace lacuna
