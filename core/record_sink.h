// Where a worker's records go. The model and the serving loop know no file format; results/ implements this.
#pragma once

#include "core/records.h"
#include "core/work_unit.h"

namespace lacuna {

// Receives the records of one unit after another. Between begin_unit and commit_unit nothing is visible to
// anybody else; commit_unit makes the unit durable and visible at once (that of the worker loop hands it over
// to be written). A unit that is begun again, or abandoned by an exception, leaves no trace.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // `layers`: decoder layers of the unit's model.
  virtual void begin_unit(const WorkUnit& unit, std::int64_t layers) = 0;
  // Questions come in the order of the unit.
  virtual void write(const QuestionRecord& record) = 0;
  // Throws SystemError if the unit could not be made durable.
  virtual void commit_unit() = 0;
  // Called often while a unit is computed, from loading its model to its last token: who computes is alive.
  virtual void keep_alive() {}
};

}  // namespace lacuna
