// Models of well-known shapes with random weights, made on the spot: speed does not depend on what a model
// has learned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/causal_lm.h"

namespace lacuna {

// Names that find_shape knows.
std::vector<std::string> shape_names();

// The public shape of that model. Throws InputError that lists the names for any other.
Architecture find_shape(std::string_view name);

// A model of that shape on `device`: norm weights 1, all others normal-like with mean 0 and a standard
// deviation of 0.02, as such models are initialised. On the CPU the same bits whatever the number of threads.
CausalLm make_random_model(const Architecture& shape, at::ScalarType dtype, const at::Device& device);

// Bytes that one decode step reads of a model's weights: all but the embedding's rows, the head once.
std::int64_t count_streamed_bytes(CausalLm& model);

// `count` token ids below the vocabulary size; equal for equal seeds.
std::vector<TokenId> draw_tokens(std::int64_t vocabulary, std::int64_t count, std::uint64_t seed);

}  // namespace lacuna
