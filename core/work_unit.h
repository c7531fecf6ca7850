// The smallest piece of work that is handed out, computed and committed as one.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/ids.h"

namespace lacuna {

// Which residual stream a unit computes.
enum class StreamKind : std::uint8_t {
  kShared = 0,     // trace and exit: the stream does not depend on alpha, one prompt pass serves them all
  kPropagate = 1,  // one stream for every alpha
};

// "shared", "propagate".
std::string_view to_string(StreamKind kind);

// A fixed list of questions of one benchmark for one model and one kind of stream, with all thresholds.
// The composition of its batches follows from the unit alone, so its numbers do not depend on who runs it.
struct WorkUnit {
  UnitId id;
  ModelIndex model;
  BenchmarkIndex benchmark;
  StreamKind stream = StreamKind::kShared;
  QuestionIndex first_question;
  std::int64_t question_count = 0;
};

}  // namespace lacuna
