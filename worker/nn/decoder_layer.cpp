#include "worker/nn/decoder_layer.h"

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

// silu(gate) * up, both [tokens, intermediate].
at::Tensor apply_gate(const at::Tensor& gate, const at::Tensor& up) {
  if (!fits_kernels(gate)) return at::silu(gate) * up;
  at::Tensor gated = at::empty_like(gate);
  const std::int64_t width = gate.size(1);
  with_kernel_type(gate.scalar_type(), [&]<class T>(T) {
    run_row_blocks(gate.size(0), 32 * width, [&](std::int64_t first, std::int64_t count) {
      apply_silu_gate(elements_of<T>(gate) + first * width, elements_of<T>(up) + first * width, count * width,
                      elements_of<T>(gated) + first * width);
    });
  });
  return gated;
}

}  // namespace

at::Tensor GatedMlp::forward(const at::Tensor& x) const {
  const std::vector<at::Tensor> wide = forward_together(x, {&gate, &up});
  return down.forward(apply_gate(wide[0], wide[1]));
}

at::Tensor DecoderLayer::forward(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                 AttentionBackend& backend) const {
  const at::Tensor h = x + attention.forward(layer, attention_norm.forward(x), angles, backend);
  return h + mlp.forward(mlp_norm.forward(h));
}

}  // namespace lacuna
