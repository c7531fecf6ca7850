// The record sink of a run: one part file a work unit, visible only when it is complete and on disk.
//
// A part has the layout of a store (FORMAT.md), restricted to the unit's questions. It is built in memory and
// then goes to parts/.<unit>.<host>.<pid>.tmp, fsync, rename to parts/<unit>.h5, fsync of the folder: a
// part that is there is whole. Its last bytes are a checksum over all others (checksum_trailer.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/experiment_config.h"
#include "core/record_sink.h"
#include "results/run_directory.h"

namespace lacuna {

class PartWriter : public RecordSink {
 public:
  // `config`: the resolved config; model and benchmark names, alphas, modes and store options are used.
  // `fingerprint`: of the run (StartWork::fingerprint); every part repeats it and merging compares it.
  // Creates the run directory's folders that are missing.
  PartWriter(RunDirectory run, const ExperimentConfig& config, std::string fingerprint = {});
  ~PartWriter() override;

  // What was begun before and not committed is forgotten.
  void begin_unit(const WorkUnit& unit, std::int64_t layers) override;
  // Throws std::logic_error if the record's shapes, modes or position do not fit the unit.
  void write(const QuestionRecord& record) override;
  // Throws std::logic_error if questions are missing, StorageError if the disk is full or fails; then no file
  // of this unit is left behind. Writes the author's JSON files first if the config asks for them.
  void commit_unit() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lacuna
