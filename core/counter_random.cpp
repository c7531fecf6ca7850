#include "core/counter_random.h"

#include <Random123/philox.h>
#include <xxhash.h>

namespace lacuna {

double draw_uniform(std::uint64_t seed, RandomPurpose purpose, std::string_view name, std::uint32_t step) {
  const std::uint64_t name_hash = XXH3_64bits(name.data(), name.size());
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value & 0xFFFFFFFFU); };
  const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32U); };
  const r123::Philox4x32::ctr_type counter = {
      {low(name_hash), high(name_hash), step, static_cast<std::uint32_t>(purpose)}};
  const r123::Philox4x32::key_type key = {{low(seed), high(seed)}};
  const r123::Philox4x32::ctr_type words = r123::Philox4x32{}(counter, key);
  const std::uint64_t bits = (static_cast<std::uint64_t>(words[1]) << 32U) | words[0];
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

}  // namespace lacuna
