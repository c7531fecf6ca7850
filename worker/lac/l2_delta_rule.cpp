// L2 Adaptive Computation (arXiv 2505.14467): with n_l the L2 norm of the stream after layer l and
// delta_l = n_l - n_(l-1), layer l is void if delta_l < alpha * (max - min of the deltas of layers < l).
// A tie is active. For layers 0 and 1 the range, and so the threshold, is 0.
#include "worker/lac/void_rule.h"

namespace lacuna {
namespace {

at::Tensor is_active(const at::Tensor& delta, const at::Tensor& range, const at::Tensor& alphas) {
  return at::logical_not(delta < alphas * range);
}

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
    return is_active(delta_, range_, alphas);
  }

  [[nodiscard]] at::Tensor find_all_active(const at::Tensor& norms, const at::Tensor& alphas) override {
    const std::int64_t layers = norms.size(0) - 1;
    const at::Tensor deltas = norms.narrow(0, 1, layers) - norms.narrow(0, 0, layers);
    const at::Tensor ranges = std::get<0>(at::cummax(deltas, 0)) - std::get<0>(at::cummin(deltas, 0));
    // That of the layers before each; of none it is 0.
    const at::Tensor earlier =
        at::cat({at::zeros_like(ranges.narrow(0, 0, 1)), ranges.narrow(0, 0, layers - 1)});
    return is_active(deltas.unsqueeze(1), earlier.unsqueeze(1), alphas.view({1, -1, 1}));
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
