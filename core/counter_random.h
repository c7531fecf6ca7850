// Random numbers as a function of what they are for, not of when they are drawn.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) keyed by the experiment's seed; the counter is made of the
// question's name and a step. So a question draws the same numbers on any worker, in any batch, after any
// restart, and at every threshold.
#pragma once

#include <cstdint>
#include <string_view>

namespace lacuna {

// What a number is drawn for; different purposes never share numbers.
enum class RandomPurpose : std::uint32_t { kSampling = 1, kChoiceOrder = 2 };

// Uniform in [0, 1), a multiple of 2^-53. `name`: a question id; `step`: response position or draw number.
double draw_uniform(std::uint64_t seed, RandomPurpose purpose, std::string_view name, std::uint32_t step);

}  // namespace lacuna
