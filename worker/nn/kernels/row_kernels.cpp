#include "worker/nn/kernels/row_kernels.h"

#include <algorithm>
#include <cmath>

#include "worker/nn/kernels/exponential.h"

// Compiled once for each of these processors; the loader picks (GCC's function multiversioning).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define LACUNA_MULTIVERSIONED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LACUNA_MULTIVERSIONED
#endif

namespace lacuna {
namespace {

// Sums go through this many partial sums, whatever the width of the processor's registers.
constexpr std::int64_t kLanes = 16;

LACUNA_INLINE float add_lanes(const float (&lanes)[kLanes]) {
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

template <class T>
LACUNA_INLINE float sum_squares(const T* row, std::int64_t width) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = widen(row[i + lane]);
      lanes[lane] += value * value;
    }
  }
  for (; i < width; ++i) lanes[0] += widen(row[i]) * widen(row[i]);
  return add_lanes(lanes);
}

template <class T>
LACUNA_INLINE void normalize_rms_rows(const T* x, const T* weight, float epsilon, std::int64_t rows,
                                      std::int64_t width, T* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const float mean = sum_squares(x, width) / static_cast<float>(width);
    const float inverse_rms = 1.0F / std::sqrt(mean + epsilon);
    for (std::int64_t i = 0; i < width; ++i) {
      const float normalized = widen(narrow_to<T>(widen(x[i]) * inverse_rms));
      y[i] = narrow_to<T>(widen(weight[i]) * normalized);
    }
  }
}

template <class T>
LACUNA_INLINE void measure_l2_rows(const T* x, std::int64_t rows, std::int64_t width, float* norms) {
  for (std::int64_t row = 0; row < rows; ++row) norms[row] = std::sqrt(sum_squares(x + row * width, width));
}

template <class T>
LACUNA_INLINE void rotate_all(const T* x, const T* cosine, const T* sine, std::int64_t tokens,
                              std::int64_t heads, std::int64_t head_dim, T* y) {
  const std::int64_t half = head_dim / 2;
  const auto turn = [](T value, T other, T cos, T sin) {
    const float kept = widen(narrow_to<T>(widen(value) * widen(cos)));
    const float turned = widen(narrow_to<T>(widen(other) * widen(sin)));
    return std::pair(kept, turned);
  };
  for (std::int64_t token = 0; token < tokens; ++token, cosine += head_dim, sine += head_dim) {
    for (std::int64_t head = 0; head < heads; ++head, x += head_dim, y += head_dim) {
      for (std::int64_t i = 0; i < half; ++i) {
        const auto [kept, turned] = turn(x[i], x[i + half], cosine[i], sine[i]);
        y[i] = narrow_to<T>(kept - turned);
      }
      for (std::int64_t i = half; i < head_dim; ++i) {
        const auto [kept, turned] = turn(x[i], x[i - half], cosine[i], sine[i]);
        y[i] = narrow_to<T>(kept + turned);
      }
    }
  }
}

template <class T>
LACUNA_INLINE void gate_all(const T* gate, const T* up, std::int64_t count, T* y) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float activated = widen(narrow_to<T>(silu(widen(gate[i]))));
    y[i] = narrow_to<T>(activated * widen(up[i]));
  }
}

template <class T>
LACUNA_INLINE void softmax_one_row(T* scores, std::int64_t keys, std::int64_t first, std::int64_t end,
                                   float scale, float* scratch) {
  float largest_lanes[kLanes];
  std::fill_n(largest_lanes, kLanes, -INFINITY);
  const auto visit = [&](std::int64_t key, std::int64_t lane) {
    const float value = widen(narrow_to<T>(widen(scores[key]) * scale));
    scratch[key] = value;
    largest_lanes[lane] = value > largest_lanes[lane] ? value : largest_lanes[lane];
  };
  std::int64_t key = first;
  for (; key + kLanes <= end; key += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) visit(key + lane, lane);
  }
  for (; key < end; ++key) visit(key, 0);
  const float largest = *std::max_element(largest_lanes, largest_lanes + kLanes);

  float sum_lanes[kLanes] = {};
  const auto add = [&](std::int64_t index, std::int64_t lane) {
    const float value = exponentiate(scratch[index] - largest);
    scratch[index] = value;
    sum_lanes[lane] += value;
  };
  for (key = first; key + kLanes <= end; key += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) add(key + lane, lane);
  }
  for (; key < end; ++key) add(key, 0);
  const float inverse_sum = 1.0F / add_lanes(sum_lanes);

  for (key = first; key < end; ++key) scores[key] = narrow_to<T>(scratch[key] * inverse_sum);
  std::fill(scores, scores + first, T{});
  std::fill(scores + end, scores + keys, T{});
}

template <class T>
LACUNA_INLINE void score_all_keys(const T* query, const T* keys, std::int64_t key_stride, std::int64_t count,
                                  std::int64_t head_dim, T* scores) {
  for (std::int64_t key = 0; key < count; ++key, keys += key_stride) {
    float lanes[kLanes] = {};
    std::int64_t i = 0;
    for (; i + kLanes <= head_dim; i += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane)
        lanes[lane] += widen(query[i + lane]) * widen(keys[i + lane]);
    }
    for (; i < head_dim; ++i) lanes[0] += widen(query[i]) * widen(keys[i]);
    scores[key] = narrow_to<T>(add_lanes(lanes));
  }
}

// A block's largest value first, which takes no branches; positions are looked for only where a block has a
// new largest one.
template <class T>
LACUNA_INLINE std::int64_t find_first_largest(const T* values, std::int64_t count) {
  constexpr std::int64_t kBlock = 64 * kLanes;
  std::int64_t position = 0;
  float largest = -INFINITY;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = std::min(begin + kBlock, count);
    float lanes[kLanes];
    std::fill_n(lanes, kLanes, -INFINITY);
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        const float value = widen(values[i + lane]);
        lanes[lane] = value > lanes[lane] ? value : lanes[lane];
      }
    }
    for (; i < end; ++i) lanes[0] = widen(values[i]) > lanes[0] ? widen(values[i]) : lanes[0];
    const float block_largest = *std::max_element(lanes, lanes + kLanes);
    if (!(block_largest > largest)) continue;
    largest = block_largest;
    position = begin;
    while (widen(values[position]) != largest) ++position;
  }
  return position;
}

template <class T>
LACUNA_INLINE void add_all_weighted_values(const T* weights, const T* values, std::int64_t count,
                                           std::int64_t head_dim, T* y) {
  constexpr std::int64_t kPart = 64;  // of head_dim, in registers
  for (std::int64_t begin = 0; begin < head_dim; begin += kPart) {
    const std::int64_t part = std::min(kPart, head_dim - begin);
    float sums[kPart] = {};
    for (std::int64_t row = 0; row < count; ++row) {
      const float weight = widen(weights[row]);
      const T* const value = values + row * head_dim + begin;
      for (std::int64_t i = 0; i < part; ++i) sums[i] += weight * widen(value[i]);
    }
    for (std::int64_t i = 0; i < part; ++i) y[begin + i] = narrow_to<T>(widen(y[begin + i]) + sums[i]);
  }
}

}  // namespace

// GCC cannot multiversion a template, hence a version for each type.
// NOLINTBEGIN(bugprone-macro-parentheses): T is a type.
#define LACUNA_DEFINE_ROW_KERNELS(T)                                                                         \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void normalize_rms<T>(const T* x, const T* weight, float epsilon, std::int64_t rows, \
                                              std::int64_t width, T* y) {                                    \
    normalize_rms_rows(x, weight, epsilon, rows, width, y);                                                  \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void measure_l2<T>(const T* x, std::int64_t rows, std::int64_t width,                \
                                           float* norms) {                                                   \
    measure_l2_rows(x, rows, width, norms);                                                                  \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void rotate_heads<T>(const T* x, const T* cosine, const T* sine,                     \
                                             std::int64_t tokens, std::int64_t heads, std::int64_t head_dim, \
                                             T* y) {                                                         \
    rotate_all(x, cosine, sine, tokens, heads, head_dim, y);                                                 \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void apply_silu_gate<T>(const T* gate, const T* up, std::int64_t count, T* y) {      \
    gate_all(gate, up, count, y);                                                                            \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void softmax_row<T>(T * scores, std::int64_t keys, std::int64_t first,               \
                                            std::int64_t end, float scale, float* scratch) {                 \
    softmax_one_row(scores, keys, first, end, scale, scratch);                                               \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void score_keys<T>(const T* query, const T* keys, std::int64_t key_stride,           \
                                           std::int64_t count, std::int64_t head_dim, T* scores) {           \
    score_all_keys(query, keys, key_stride, count, head_dim, scores);                                        \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED void add_weighted_values<T>(const T* weights, const T* values, std::int64_t count,   \
                                                    std::int64_t head_dim, T* y) {                           \
    add_all_weighted_values(weights, values, count, head_dim, y);                                            \
  }                                                                                                          \
  template <>                                                                                                \
  LACUNA_MULTIVERSIONED std::int64_t find_largest<T>(const T* values, std::int64_t count) {                  \
    return find_first_largest(values, count);                                                                \
  }

LACUNA_DEFINE_ROW_KERNELS(float)
LACUNA_DEFINE_ROW_KERNELS(BFloat16)

// NOLINTEND(bugprone-macro-parentheses)
#undef LACUNA_DEFINE_ROW_KERNELS
#undef LACUNA_INLINE
#undef LACUNA_MULTIVERSIONED

}  // namespace lacuna
