#include "worker/nn/decoder_layer.h"

#include <algorithm>

#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

constexpr std::int64_t kTileTokens = 64;

// silu(gate) * up, both [tokens, intermediate]. LibTorch's float32 silu rounds differently in its vector body
// and in the odd elements at the end of a thread's share, so shares must not depend on the number of threads.
at::Tensor apply_gate(const at::Tensor& gate, const at::Tensor& up) {
  if (!gate.device().is_cpu() || at::GradMode::is_enabled()) return at::silu(gate) * up;
  const std::int64_t tokens = gate.size(0);
  at::Tensor gated = at::empty_like(gate, at::MemoryFormat::Contiguous);
  run_tiles(gate.device(), (tokens + kTileTokens - 1) / kTileTokens, gate.numel(), [&](std::int64_t tile) {
    const std::int64_t first = tile * kTileTokens;
    const std::int64_t count = std::min(kTileTokens, tokens - first);
    gated.narrow(0, first, count).copy_(at::silu(gate.narrow(0, first, count)) * up.narrow(0, first, count));
  });
  return gated;
}

}  // namespace

at::Tensor GatedMlp::forward(const at::Tensor& x) const {
  return down.forward(apply_gate(gate.forward(x), up.forward(x)));
}

at::Tensor DecoderLayer::forward(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                 AttentionBackend& backend) const {
  const at::Tensor h = x + attention.forward(layer, attention_norm.forward(x), angles, backend);
  return h + mlp.forward(mlp_norm.forward(h));
}

}  // namespace lacuna
