#include "core/records.h"

#include <fmt/format.h>

#include "core/error.h"

namespace lacuna {

std::string_view to_string(LacMode mode) {
  switch (mode) {
    case LacMode::kTrace:
      return "trace";
    case LacMode::kExit:
      return "exit";
    case LacMode::kPropagate:
      return "propagate";
  }
  return "unknown";
}

LacMode parse_lac_mode(std::string_view name) {
  for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
    if (name == to_string(mode)) return mode;
  }
  throw InputError({.problem = fmt::format("unknown LAC mode '{}'", name),
                    .suggestion = "use one of trace, exit, propagate"});
}

namespace {

std::size_t byte_index(const TraceRows& rows, std::int64_t token, std::int64_t alpha, std::int64_t layer) {
  return static_cast<std::size_t>((token * rows.alphas + alpha) * packed_layer_bytes(rows.layers) +
                                  layer / 8);
}

std::uint8_t bit_mask(std::int64_t layer) {
  return static_cast<std::uint8_t>(0x80U >> (layer % 8));
}

}  // namespace

bool TraceRows::is_active(std::int64_t token, std::int64_t alpha, std::int64_t layer) const {
  return (active[byte_index(*this, token, alpha, layer)] & bit_mask(layer)) != 0;
}

void TraceRows::set_active(std::int64_t token, std::int64_t alpha, std::int64_t layer) {
  active[byte_index(*this, token, alpha, layer)] |= bit_mask(layer);
}

LayerIndex TraceRows::exit_layer(std::int64_t token, std::int64_t alpha) const {
  for (std::int64_t layer = layers - 1; layer >= 0; --layer) {
    if (is_active(token, alpha, layer)) return LayerIndex(static_cast<std::int32_t>(layer));
  }
  return LayerIndex(-1);
}

TraceRows TraceRows::zeros(std::int64_t tokens, std::int64_t alphas, std::int64_t layers) {
  TraceRows rows;
  rows.tokens = tokens;
  rows.alphas = alphas;
  rows.layers = layers;
  rows.norms.assign(static_cast<std::size_t>(tokens * (layers + 1)), 0.0F);
  rows.active.assign(static_cast<std::size_t>(tokens * alphas * packed_layer_bytes(layers)), 0);
  return rows;
}

}  // namespace lacuna
