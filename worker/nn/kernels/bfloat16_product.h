// Products y = x W^T + b in bfloat16 with float32 sums, on processors with AVX512-BF16 or AMX.
//
// Weights stay as a checkpoint stores them (row-major, memory-mapped): a row of W is a row of an AMX tile,
// and what is rearranged instead is x, which is small. Every element of y is the same sum in the same order
// however the work is cut, so the result depends neither on the number of threads nor on who computes which
// strip.
//
// Measured (2 cores of a Sapphire Rapids machine, docs/performance.md): oneDNN, as LibTorch calls it, reaches
// half of this with a single row and 60 % with 512.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "worker/nn/kernels/bfloat16.h"
#include "worker/nn/kernels/packed_rows.h"
#include "worker/nn/kernels/processor.h"

namespace lacuna {

// A product's depth is a multiple of it.
inline constexpr std::int64_t kDepthStep = 32;
inline std::int64_t pad_to_depth_step(std::int64_t count) {
  return (count + kDepthStep - 1) / kDepthStep * kDepthStep;
}

// Up to so many rows AVX512 keeps up with memory; beyond, tiles do.
inline constexpr std::int64_t kFewRows = 4;

// One of several matrices that the same x is multiplied with.
struct ProductOperand {
  const BFloat16* weight = nullptr;  // [features, depth]
  std::int64_t weight_stride = 0;    // elements from feature to feature
  const BFloat16* bias = nullptr;    // [features], or none
  const BFloat16* addend = nullptr;  // [rows, features], added to the rounded product; or none
  std::int64_t addend_stride = 0;    // elements from row to row
  BFloat16* output = nullptr;        // [rows, features]
  std::int64_t output_stride = 0;    // elements from row to row
  std::int64_t features = 0;
};

// What they are multiplied with.
struct ProductRows {
  const BFloat16* x = nullptr;  // [rows, depth]
  std::int64_t stride = 0;      // elements from row to row
  std::int64_t rows = 0;
  std::int64_t depth = 0;
};

// The largest element of every row in each strip of features.
struct StripMaxima {
  std::int64_t row_stride = 0;  // from strip to strip
  std::unique_ptr<float[]> values;
  std::unique_ptr<std::int32_t[]> features;
};

class BFloat16Product {
 public:
  // Whether `kernel` can compute it: depth a multiple of 32, for kAvx512 at most 8 rows, for kAmx at least 32
  // features where there are more than a few rows.
  static bool supports(ProductKernel kernel, const ProductRows& x, std::span<const ProductOperand> operands);

  // Whether it can be gated (below): more than a few rows, two operands with equally many features, a
  // multiple of 32.
  static bool supports_gate(ProductKernel kernel, const ProductRows& x,
                            std::span<const ProductOperand> operands);

  // What the pointers point to outlives the product. `threads`: how many will share the tasks; how the work
  // is cut may depend on it, the result does not.
  BFloat16Product(ProductKernel kernel, const ProductRows& x, std::span<const ProductOperand> operands,
                  std::int64_t threads = 1);
  // Of rows that are packed already; kernel kAmx, features as for more than a few rows.
  BFloat16Product(PackedRows x, std::span<const ProductOperand> operands, std::int64_t threads = 1);

  // Two sets of tasks, each in any order and on any threads; all of the first before any of the second.
  [[nodiscard]] std::int64_t preparation_tasks() const;
  void prepare(std::int64_t task);
  [[nodiscard]] std::int64_t tasks() const;
  void compute(std::int64_t task) const;

  // Instead of the second set: silu(x W0^T) * (x W1^T), each factor rounded, to `gated` [rows, features],
  // from which the next product can be computed as it is. What lies in between never leaves the cache.
  [[nodiscard]] std::int64_t gated_tasks() const;
  void compute_gated(std::int64_t task, const PackedRows& gated) const;

  // Whether only the largest elements can be found: more than a few rows, one operand without an addend.
  static bool supports_largest(ProductKernel kernel, const ProductRows& x, const ProductOperand& operand);
  // Instead of the second set: for every row of the product the position of the largest element, the lowest
  // among equals; the product itself is not written. As many tasks as tasks().
  void compute_largest(std::int64_t task, const StripMaxima& maxima) const;
  [[nodiscard]] StripMaxima make_maxima() const;
  // Of all strips together, [rows]. 0 where no element is larger than -infinity.
  void merge_maxima(const StripMaxima& maxima, std::int64_t* positions) const;

  // All of them in the calling thread.
  void run();

 private:
  // 32 features of an operand for the rows of a chunk.
  struct Strip {
    const ProductOperand* operand = nullptr;
    std::int64_t first = 0;            // feature
    const BFloat16* addend = nullptr;  // of the chunk's first row and of `first`, or none
    BFloat16* output = nullptr;        // likewise
  };
  struct StripList;
  // What multiply_tiles leaves of several strips; there until the thread computes the next.
  struct StripSums {
    float* first = nullptr;
    std::int64_t strip_elements = 0;
    [[nodiscard]] float* of(std::size_t strip) const {
      return first + static_cast<std::int64_t>(strip) * strip_elements;
    }
  };

  // Rows that share a pass over the weights.
  [[nodiscard]] std::int64_t chunk_rows() const;
  [[nodiscard]] std::int64_t chunks() const;
  [[nodiscard]] std::int64_t rows_of(std::int64_t chunk) const;
  // Strips of each factor that a task of compute_gated takes.
  [[nodiscard]] std::int64_t gated_group() const;
  void plan_strips(std::int64_t threads);
  [[nodiscard]] StripList list_strips(std::int64_t task) const;
  [[nodiscard]] StripSums multiply_by_tiles(std::int64_t chunk, std::span<const Strip> strips) const;
  static const BFloat16* following_weight(std::span<const Strip> strips);
  void write_strip(const Strip& strip, std::int64_t rows, const float* sums) const;
  // Strips of one operand, one behind the other.
  void multiply_by_dots(std::span<const Strip> strips) const;

  bool uses_tiles_;
  ProductRows x_;
  std::vector<ProductOperand> operands_;
  std::vector<std::int64_t> first_strip_;  // of each operand, and the end
  std::int64_t group_strips_ = 1;          // strips of one task
  PackedRows packed_;                      // x, for tiles
};

}  // namespace lacuna
