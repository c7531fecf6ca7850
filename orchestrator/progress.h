// Tells the user how far a run is: one line that is updated on a terminal, a plain line now and then
// elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace lacuna {

struct ProgressState {
  std::int64_t units_total = 0;
  std::int64_t units_done = 0;  // those of earlier runs included
  std::int64_t units_failed = 0;
  std::int64_t questions_total = 0;
  std::int64_t questions_done = 0;  // those of units in flight and of earlier runs included
  std::int64_t workers = 0;
};

// Rate over the last two minutes.
class ProgressMeter {
 public:
  // `now` must not go back.
  void observe(const ProgressState& state, std::chrono::duration<double> now);
  // Questions a second; none until something was done.
  [[nodiscard]] std::optional<double> rate() const;
  // Time until all questions are done at that rate.
  [[nodiscard]] std::optional<std::chrono::duration<double>> remaining() const;
  // " 45 %, 540/1200 questions, 12.3/s, 54 s left, 2 workers, 1 unit FAILED"
  [[nodiscard]] std::string describe() const;

 private:
  struct Sample {
    double seconds;
    std::int64_t questions;
  };
  ProgressState state_;
  std::deque<Sample> samples_;
};

// "54 s", "3 min 20 s", "2 h 5 min", "3 d 4 h".
std::string format_duration(std::chrono::duration<double> duration);

// Writes to a stream, by default stderr. Not more than ten times a second on a terminal, every 10 s
// elsewhere.
class ProgressPrinter {
 public:
  explicit ProgressPrinter(std::FILE* stream = stderr);
  // Tests say what the stream is.
  ProgressPrinter(std::FILE* stream, bool is_terminal);
  ~ProgressPrinter();
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void update(const ProgressState& state);
  // A line of its own, not overwritten by the next update.
  void print_line(std::string_view text);
  // Shows the last state and ends the line.
  void finish();
  [[nodiscard]] const ProgressMeter& meter() const { return meter_; }

 private:
  void show();
  void clear();

  std::FILE* stream_;
  bool is_terminal_;
  bool line_is_open_ = false;
  bool has_state_ = false;
  ProgressMeter meter_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> last_shown_;
};

}  // namespace lacuna
