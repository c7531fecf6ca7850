// Products of bfloat16 tensors as the kernels compute them (kernels/bfloat16_product.h), on the compute
// threads. A function gives nothing where the kernels cannot do it: not bfloat16 on the CPU, not contiguous,
// something to differentiate, an extent or a processor that they do not take.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <span>
#include <vector>

#include "worker/nn/linear.h"

namespace lacuna {

// x [tokens, depth] with each of several weights -> [tokens, features] for each. `addend` [tokens, features],
// if it is defined, is added to the rounded product with the only one.
std::optional<std::vector<at::Tensor>> multiply_with_kernels(const at::Tensor& x,
                                                             std::span<const Linear* const> linears,
                                                             const at::Tensor& addend = {});

// addend + down(silu(gate(x)) * up(x)), every factor and product rounded; only for more than a few tokens.
std::optional<at::Tensor> run_mlp_with_kernels(const at::Tensor& x, const Linear& gate, const Linear& up,
                                               const Linear& down, const at::Tensor& addend);

// int64 [tokens]: where each row of linear.forward(x) has its largest element, the lowest among equals; only
// for more than a few tokens. The product itself is never in memory.
std::optional<at::Tensor> find_largest_with_kernels(const at::Tensor& x, const Linear& linear);
// Whether it does so for as many tokens as one likes.
bool can_find_largest_with_kernels(const Linear& linear);

// x W^T -> `product` in the calling thread, nothing of it to be differentiated -> whether the kernels could.
// x [rows, depth], weight [features, depth], product [rows, features], each contiguous along its last axis.
bool multiply_with_kernels_into(const at::Tensor& product, const at::Tensor& x, const at::Tensor& weight);

}  // namespace lacuna
