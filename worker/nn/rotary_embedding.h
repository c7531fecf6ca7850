// Rotary position embedding (Su et al. 2021) in the layout of Hugging Face checkpoints: a head's first half
// is rotated against its second half.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

namespace lacuna {

// Llama 3.1's frequency scaling: low frequencies are divided by `factor`, high ones kept, those between
// blended.
struct Llama3RopeScaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_positions = 8192;
};

// Rotation angles of some positions. cosine, sine: [tokens, head_dim], both halves equal.
struct RotaryAngles {
  at::Tensor cosine;
  at::Tensor sine;
};

class RotaryEmbedding {
 public:
  RotaryEmbedding() = default;
  // `head_dim` is even, `theta` the base of the frequencies.
  RotaryEmbedding(std::int64_t head_dim, double theta, const std::optional<Llama3RopeScaling>& scaling);

  // positions [tokens] int64, first token 0. Angles in float32, cosine and sine rounded to `dtype`, on the
  // device of `positions`.
  [[nodiscard]] RotaryAngles compute_angles(const at::Tensor& positions, at::ScalarType dtype) const;

  // Inverse frequencies [head_dim / 2], float32, on the CPU.
  [[nodiscard]] const at::Tensor& inverse_frequencies() const { return inverse_frequencies_; }

 private:
  at::Tensor inverse_frequencies_;
};

// x [tokens, heads, head_dim] rotated by the angles of its tokens; same shape and dtype.
at::Tensor rotate(const at::Tensor& x, const RotaryAngles& angles);

}  // namespace lacuna
