#include "worker/engine/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace lacuna {
namespace {

// A line "VmRSS:   1234 kB" of /proc/self/status.
std::int64_t read_status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key, 0) == 0) return std::stoll(line.substr(key.size())) * 1024;
  }
  return 0;
}

}  // namespace

std::int64_t read_resident_bytes() {
  return read_status_bytes("VmRSS:");
}

std::int64_t read_peak_bytes() {
  return read_status_bytes("VmHWM:");
}

void reset_peak_bytes() {
  // "5": the peak becomes the present size (proc(5)).
  std::ofstream("/proc/self/clear_refs") << "5";
}

MemoryBudget::MemoryBudget(std::int64_t limit_bytes, std::int64_t pass_token_bytes, MemoryMeter meter)
    : limit_bytes_(limit_bytes), pass_token_bytes_(pass_token_bytes), meter_(std::move(meter)) {}

bool MemoryBudget::allows(std::int64_t pass_tokens, std::int64_t cache_bytes) const {
  if (limit_bytes_ == 0) return true;
  return meter_.resident() + cache_bytes + pass_tokens * pass_token_bytes_ <= limit_bytes_;
}

void MemoryBudget::begin() {
  if (limit_bytes_ == 0) return;
  meter_.reset_peak();
  resident_before_ = meter_.resident();
}

void MemoryBudget::learn(std::int64_t pass_tokens, std::int64_t cache_bytes) {
  if (limit_bytes_ == 0 || pass_tokens == 0) return;
  // Memory that the allocator has kept since an earlier pass hides from this measurement: so the largest
  // counts.
  const std::int64_t measured = (meter_.peak() - resident_before_ - cache_bytes) / pass_tokens;
  if (measured <= 0) return;
  pass_token_bytes_ = has_measured_ ? std::max(pass_token_bytes_, measured) : measured;
  has_measured_ = true;
}

}  // namespace lacuna
