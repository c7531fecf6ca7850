// L2 Adaptive Computation (arXiv 2505.14467): with n_l the L2 norm of the stream after layer l and
// delta_l = n_l - n_(l-1), layer l is void if delta_l < alpha * (max - min of the deltas of layers < l).
// A tie is active. For layers 0 and 1 the range, and so the threshold, is 0.
#include <c10/util/BFloat16.h>

#include <algorithm>
#include <limits>

#include "worker/lac/void_rule.h"

namespace lacuna {
namespace {

class L2DeltaRule : public VoidRule {
 public:
  explicit L2DeltaRule(RuleArithmetic arithmetic) : arithmetic_(arithmetic) {}

  void begin(std::int64_t tokens) override {
    const auto count = static_cast<std::size_t>(tokens);
    deltas_.assign(count, 0.0F);
    ranges_.assign(count, 0.0F);
    largest_.assign(count, -std::numeric_limits<float>::infinity());
    smallest_.assign(count, std::numeric_limits<float>::infinity());
    layers_seen_ = 0;
  }

  void observe_layer(std::span<const float> carried, std::span<const float> candidate) override {
    for (std::size_t token = 0; token < deltas_.size(); ++token) {
      if (layers_seen_ > 0) {
        // The delta of the previous layer joins the range only now: a layer is judged by those before it.
        largest_[token] = std::max(largest_[token], deltas_[token]);
        smallest_[token] = std::min(smallest_[token], deltas_[token]);
        ranges_[token] = round(largest_[token] - smallest_[token]);
      }
      deltas_[token] = round(candidate[token] - carried[token]);
    }
    ++layers_seen_;
  }

  [[nodiscard]] bool is_active(std::int64_t token, double alpha) const override {
    const auto index = static_cast<std::size_t>(token);
    const float threshold = round(round(static_cast<float>(alpha)) * ranges_[index]);
    return !(deltas_[index] < threshold);
  }

 private:
  [[nodiscard]] float round(float value) const {
    return arithmetic_ == RuleArithmetic::kBFloat16 ? static_cast<float>(c10::BFloat16(value)) : value;
  }

  RuleArithmetic arithmetic_;
  std::int64_t layers_seen_ = 0;
  std::vector<float> deltas_;   // of the layer observed last
  std::vector<float> ranges_;   // max - min of the deltas of the layers before it
  std::vector<float> largest_;  // of the deltas of the layers before it
  std::vector<float> smallest_;
};

}  // namespace

std::unique_ptr<VoidRule> make_l2_delta_rule(RuleArithmetic arithmetic) {
  return std::make_unique<L2DeltaRule>(arithmetic);
}

}  // namespace lacuna
