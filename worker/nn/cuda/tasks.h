// What the kernels for a GPU compute, as raw pointers and strides: no LibTorch, no CUDA. T is float or
// BFloat16. Strides are in elements, from row to row; results without one are contiguous. Arithmetic is in
// float32; results are rounded to T where the chain of operators rounds them (kernels/row_kernels.h).
#pragma once

#include <cstdint>

namespace lacuna::cuda {

// x [rows, width] -> y: x / sqrt(mean(x^2) + epsilon), rounded to T, then times weight [width].
template <class T>
struct NormalizeTask {
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  const T* weight = nullptr;
  float epsilon = 0;
  std::int64_t rows = 0;
  int width = 0;
  T* y = nullptr;
};

// L2 norm of every row of x [rows, width] -> norms [rows].
template <class T>
struct MeasureTask {
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  std::int64_t rows = 0;
  int width = 0;
  float* norms = nullptr;
};

// Rotary embedding of x [tokens, heads, head_dim], a token's heads contiguous -> y. cosine and sine [tokens,
// head_dim] with equal halves, of which the first is read.
template <class T>
struct RotateTask {
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  const T* cosine = nullptr;
  const T* sine = nullptr;
  std::int64_t tokens = 0;
  int heads = 0;
  int head_dim = 0;  // even
  T* y = nullptr;
};

// silu(gate), rounded to T, times up; both [rows, width] -> y.
template <class T>
struct GateTask {
  const T* gate = nullptr;
  std::int64_t gate_stride = 0;
  const T* up = nullptr;
  std::int64_t up_stride = 0;
  std::int64_t rows = 0;
  int width = 0;
  T* y = nullptr;
};

// Head sizes and query heads of a kv head that the attention kernel takes.
inline constexpr int kHeadDimStep = 8;
inline constexpr int kMostHeadDim = 256;
inline constexpr int kMostGroup = 16;

// Attention of one new token for each of `rows` branches whose keys and values lie in a CachePool; writes the
// tokens' own there, too. q [rows, kv_heads * group, head_dim], k and v [rows, kv_heads, head_dim], a row's
// heads contiguous; pointers and strides are whole vectors of 16 bytes. A row sees its sequence's prompt,
// then its slot's response up to itself, of both together the last `window` positions (0: all). Scores,
// softmax and sums in float32, rounded to T once, at the end -> output [rows, kv_heads * group, head_dim].
template <class T>
struct DecodeTask {
  const T* q = nullptr;
  std::int64_t q_stride = 0;
  const T* k = nullptr;
  std::int64_t k_stride = 0;
  const T* v = nullptr;
  std::int64_t v_stride = 0;
  const T* prompt_keys = nullptr;  // [sequences, kv_heads, prompt_capacity, head_dim]
  const T* prompt_values = nullptr;
  std::int64_t prompt_capacity = 0;
  T* response_keys = nullptr;  // [slots, sequences, kv_heads, response_capacity, head_dim]
  T* response_values = nullptr;
  std::int64_t response_capacity = 0;
  const std::int64_t* prompt_lengths = nullptr;  // [sequences]; nothing behind them is read
  const std::int64_t* cells = nullptr;           // [rows]: slot * sequences + sequence, each another
  std::int64_t sequences = 0;
  std::int64_t response_length = 0;  // tokens before the new one: where it is written
  std::int64_t window = 0;
  std::int64_t rows = 0;
  int kv_heads = 0;
  int group = 0;     // at most kMostGroup
  int head_dim = 0;  // a multiple of kHeadDimStep, at most kMostHeadDim
  float scale = 0;   // of the scores
  T* output = nullptr;
};

}  // namespace lacuna::cuda
