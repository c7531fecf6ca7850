// How much of a unit may be in memory at once: a limit, and what has been measured against it.
#pragma once

#include <cstdint>
#include <functional>

namespace lacuna {

// Memory of this process, in bytes. Both read /proc (Linux); 0 where that is not to be had.
std::int64_t read_resident_bytes();
// The largest resident size since the process began, or since reset_peak_bytes().
std::int64_t read_peak_bytes();
void reset_peak_bytes();

struct MemoryMeter {
  std::function<std::int64_t()> resident = read_resident_bytes;
  std::function<std::int64_t()> peak = read_peak_bytes;
  std::function<void()> reset_peak = reset_peak_bytes;
};

// Says beforehand whether some prompts can be worked on together. What their caches take is known exactly;
// what a pass takes besides is measured, for each of its tokens, at the passes that have been.
class MemoryBudget {
 public:
  // `limit_bytes` of the process; 0: none, everything is allowed. `pass_token_bytes`: a first guess.
  MemoryBudget(std::int64_t limit_bytes, std::int64_t pass_token_bytes, MemoryMeter meter = {});

  // `pass_tokens`: of the largest pass, `cache_bytes`: of all caches together.
  [[nodiscard]] bool allows(std::int64_t pass_tokens, std::int64_t cache_bytes) const;

  // Before and after the work on some prompts: learns what a token of a pass takes.
  void begin();
  void learn(std::int64_t pass_tokens, std::int64_t cache_bytes);

  [[nodiscard]] std::int64_t limit_bytes() const { return limit_bytes_; }
  [[nodiscard]] std::int64_t pass_token_bytes() const { return pass_token_bytes_; }

 private:
  std::int64_t limit_bytes_;
  std::int64_t pass_token_bytes_;
  bool has_measured_ = false;
  MemoryMeter meter_;
  std::int64_t resident_before_ = 0;
};

}  // namespace lacuna
