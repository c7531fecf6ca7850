#include "orchestrator/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/log.h"

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWindowSeconds = 120;
constexpr double kSampleSeconds = 0.5;
constexpr std::chrono::milliseconds kTerminalInterval{100};
constexpr std::chrono::seconds kPlainInterval{10};

bool is_updatable_terminal(std::FILE* stream) {
  const char* const terminal = std::getenv("TERM");
  return isatty(fileno(stream)) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::size_t terminal_width(std::FILE* stream) {
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string count(std::int64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace

void ProgressMeter::observe(const ProgressState& state, std::chrono::duration<double> now) {
  state_ = state;
  const double seconds = now.count();
  // The newest sample follows the state until it is old enough for another one.
  if (samples_.size() > 1 && seconds - samples_[samples_.size() - 2].seconds < kSampleSeconds)
    samples_.pop_back();
  samples_.push_back({seconds, state.questions_done});
  while (samples_.size() > 2 && seconds - samples_[1].seconds > kWindowSeconds) samples_.pop_front();
}

std::optional<double> ProgressMeter::rate() const {
  if (samples_.size() < 2) return std::nullopt;
  const double seconds = samples_.back().seconds - samples_.front().seconds;
  const auto questions = static_cast<double>(samples_.back().questions - samples_.front().questions);
  if (seconds <= 0 || questions <= 0) return std::nullopt;
  return questions / seconds;
}

std::optional<std::chrono::duration<double>> ProgressMeter::remaining() const {
  const std::optional<double> questions_a_second = rate();
  if (!questions_a_second) return std::nullopt;
  const auto questions = static_cast<double>(state_.questions_total - state_.questions_done);
  return std::chrono::duration<double>(std::max(0.0, questions) / *questions_a_second);
}

std::string ProgressMeter::describe() const {
  const std::int64_t total = std::max<std::int64_t>(1, state_.questions_total);
  std::string text = fmt::format("{:3} %, {}/{} questions", 100 * state_.questions_done / total,
                                 state_.questions_done, state_.questions_total);
  if (const auto questions_a_second = rate()) text += fmt::format(", {:.1f}/s", *questions_a_second);
  const auto left = remaining();
  if (left && state_.questions_done < state_.questions_total)
    text += fmt::format(", {} left", format_duration(*left));
  text += ", " + count(state_.workers, "worker");
  if (state_.units_failed > 0) text += fmt::format(", {} FAILED", count(state_.units_failed, "unit"));
  return text;
}

std::string format_duration(std::chrono::duration<double> duration) {
  constexpr double kLongest = 1e9;
  const std::int64_t seconds = std::llround(std::clamp(duration.count(), 0.0, kLongest));
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

ProgressPrinter::ProgressPrinter(std::FILE* stream)
    : ProgressPrinter(stream, is_updatable_terminal(stream)) {}

ProgressPrinter::ProgressPrinter(std::FILE* stream, bool is_terminal)
    : stream_(stream), is_terminal_(is_terminal) {}

ProgressPrinter::~ProgressPrinter() {
  if (line_is_open_) std::fputc('\n', stream_);
}

void ProgressPrinter::update(const ProgressState& state) {
  const Clock::time_point now = Clock::now();
  meter_.observe(state, now - start_);
  has_state_ = true;
  const Clock::duration interval =
      is_terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kPlainInterval);
  if (!last_shown_ && !is_terminal_) last_shown_ = now;  // the first plain line after an interval
  if (last_shown_ && now - *last_shown_ < interval) return;
  last_shown_ = now;
  show();
}

void ProgressPrinter::print_line(std::string_view text) {
  clear();
  fmt::print(stream_, "{}\n", text);
  std::fflush(stream_);
}

void ProgressPrinter::finish() {
  if (!has_state_) return;
  show();
  if (line_is_open_) std::fputc('\n', stream_);
  line_is_open_ = false;
  std::fflush(stream_);
}

void ProgressPrinter::show() {
  const std::string text = meter_.describe();
  if (is_terminal_) {
    clear();
    fmt::print(stream_, "{}", std::string_view(text).substr(0, terminal_width(stream_) - 1));
    line_is_open_ = true;
  } else {
    fmt::print(stream_, "{}\n", text);
    log_info("{}", text);
  }
  std::fflush(stream_);
}

void ProgressPrinter::clear() {
  constexpr std::string_view kClearLine = "\r\x1b[K";
  if (line_is_open_) fmt::print(stream_, "{}", kClearLine);
  line_is_open_ = false;
}

}  // namespace lacuna
