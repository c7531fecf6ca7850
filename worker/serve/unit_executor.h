// Computes one work unit. What the serving loop knows of inference.
#pragma once

#include "core/record_sink.h"
#include "core/work_unit.h"

namespace lacuna {

class UnitExecutor {
 public:
  virtual ~UnitExecutor() = default;
  // Runs every question of the unit under every threshold and hands the records to `sink`: begin_unit, a
  // write for each question in order, commit_unit. Loads the unit's model first if another one is loaded.
  // Throws Error with a clear text; the unit then counts as failed and nothing of it is visible.
  virtual void execute(const WorkUnit& unit, RecordSink& sink) = 0;
};

}  // namespace lacuna
