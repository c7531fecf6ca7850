// Element-wise steps of a decoder layer on the CPU, each in one pass over its data.
//
// LibTorch computes them as chains of operators, each of which reads and writes everything; beside products
// as fast as bfloat16_product.h that would be half of the time. Results are rounded to the element type
// exactly where the chain of operators of Hugging Face's layers rounds them. Rows are independent, so a
// caller may split them over threads as it likes without a change in any bit.
//
// T is float or BFloat16.
#pragma once

#include <cstdint>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

// x [rows, width] -> y: x / sqrt(mean(x^2) + epsilon) in float32, rounded to T, then times weight [width].
template <class T>
void normalize_rms(const T* x, const T* weight, float epsilon, std::int64_t rows, std::int64_t width, T* y);

// L2 norm of every row of x [rows, width], in float32.
template <class T>
void measure_l2(const T* x, std::int64_t rows, std::int64_t width, float* norms);

// Rotary embedding: x [tokens, heads, head_dim], cosine and sine [tokens, head_dim] with equal halves -> y,
// which may not be x.
template <class T>
void rotate_heads(const T* x, const T* cosine, const T* sine, std::int64_t tokens, std::int64_t heads,
                  std::int64_t head_dim, T* y);

// silu(gate) * up, element by element -> y.
template <class T>
void apply_silu_gate(const T* gate, const T* up, std::int64_t count, T* y);

// Turns one query's scores [keys] into weights, in place: scaled by `scale` (rounded to T), then the softmax
// over [first, end) in float32, rounded to T; 0 outside. `scratch` [keys].
template <class T>
void softmax_row(T* scores, std::int64_t keys, std::int64_t first, std::int64_t end, float scale,
                 float* scratch);

// Scores of one query [head_dim] against keys [count, head_dim], rows key_stride elements apart -> scores
// [count], each rounded to T.
template <class T>
void score_keys(const T* query, const T* keys, std::int64_t key_stride, std::int64_t count,
                std::int64_t head_dim, T* scores);

// y += sum of weights[i] * values[i] over values [count, head_dim]; y [head_dim] is rounded to T once.
template <class T>
void add_weighted_values(const T* weights, const T* values, std::int64_t count, std::int64_t head_dim, T* y);

// The position of the largest of `count` >= 1 values, the first among equals; NaN is never the largest.
template <class T>
std::int64_t find_largest(const T* values, std::int64_t count);

}  // namespace lacuna
