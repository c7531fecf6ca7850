// A worker's life: waits for units, computes them one after another, writes each while it computes the next,
// reports. Knows no MPI and no LibTorch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/channel.h"
#include "core/record_sink.h"
#include "worker/serve/unit_executor.h"

namespace lacuna {

// What a worker computes with.
struct WorkerEngine {
  std::unique_ptr<UnitExecutor> executor;
  std::unique_ptr<RecordSink> sink;  // used by another thread than the executor
  std::string device;                // for people: "cpu", "cuda:1 NVIDIA H100"
  std::string device_kind;           // "cpu" or "cuda"
  std::int64_t threads = 0;          // CPU threads
};

// Called once, when the coordinator starts the work. May throw: the worker then reports WorkerFailed and
// waits for StopWork.
using MakeWorkerEngine = std::function<WorkerEngine(const StartWork&)>;

// Serves until StopWork and returns its exit code. A unit whose execution throws is reported as failed with
// the exception's text, and the worker goes on.
ExitCode serve_units(WorkerChannel& channel, const MakeWorkerEngine& make_engine);

}  // namespace lacuna
