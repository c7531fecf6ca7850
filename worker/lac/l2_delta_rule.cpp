// L2 Adaptive Computation (arXiv 2505.14467): with n_l the L2 norm of the stream after layer l and
// delta_l = n_l - n_(l-1), layer l is void if delta_l < alpha * (max - min of the deltas of layers < l).
// A tie is active. For layers 0 and 1 the range, and so the threshold, is 0.
#include "worker/lac/void_rule.h"

namespace lacuna {
namespace {

class L2DeltaRule : public VoidRule {
 public:
  void observe_layer(const at::Tensor& carried, const at::Tensor& candidate) override {
    if (!delta_.defined()) {
      range_ = at::zeros_like(candidate);
    } else {
      // The delta of the previous layer joins the range only now: a layer is judged by those before it.
      largest_ = largest_.defined() ? at::maximum(largest_, delta_) : delta_;
      smallest_ = smallest_.defined() ? at::minimum(smallest_, delta_) : delta_;
      range_ = largest_ - smallest_;
    }
    delta_ = candidate - carried;
  }

  [[nodiscard]] at::Tensor find_active(const at::Tensor& alphas) const override {
    return at::logical_not(delta_ < alphas * range_);
  }

 private:
  at::Tensor delta_;    // [tokens], of the layer observed last
  at::Tensor range_;    // max - min of the deltas of the layers before it
  at::Tensor largest_;  // of the deltas of the layers before it
  at::Tensor smallest_;
};

}  // namespace

std::unique_ptr<VoidRule> make_l2_delta_rule() {
  return std::make_unique<L2DeltaRule>();
}

}  // namespace lacuna
