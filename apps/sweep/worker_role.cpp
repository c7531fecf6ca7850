#include "apps/sweep/worker_role.h"

#include <fmt/format.h>

#include "apps/sweep/device_choice.h"
#include "apps/sweep/sweep_patience.h"
#include "core/experiment_json.h"
#include "orchestrator/engine_supervisor.h"
#include "orchestrator/launch_environment.h"
#include "orchestrator/stop_signals.h"
#include "results/part_catalog.h"
#include "results/part_writer.h"
#include "worker/serve/worker_loop.h"

namespace lacuna {
namespace {

// One worker a GPU where there are any, else a share of the node's cores.
WorkerPlace choose_place(const ComputeConfig& compute, const std::string& decided_device,
                         const NodePlace& node, const InferenceParts& inference) {
  WorkerPlace place;
  place.threads = compute.threads > 0 ? compute.threads
                                      : share_cores(count_own_cores(), node.workers_on_same_cores,
                                                    read_cpu_quota(), node.local_workers);
  // Looking for GPUs starts CUDA.
  const std::int64_t gpus = compute.device == kCpuDevice ? 0 : inference.count_gpus();
  place.device_index = choose_device(compute.device, decided_device, node.local_worker, gpus);
  // A GPU's own memory counts there; too much work for it is found out by trying.
  if (place.device_index < 0) {
    place.memory_bytes =
        static_cast<std::int64_t>(compute.memory_share * static_cast<double>(read_machine_bytes()) /
                                  static_cast<double>(node.local_workers));
  }
  return place;
}

MakeWorkerEngine make_engine_factory(const InferenceParts& inference, const NodePlace& node) {
  return [&inference, node](const StartWork& start) {
    const ExperimentConfig config = experiment_from_json(start.experiment_json);
    const WorkerPlace place = choose_place(config.compute, start.device_kind, node, inference);
    const RunDirectory directory(start.run_directory);
    std::unique_ptr<RecordSink> sink = std::make_unique<PartWriter>(directory, config, start.fingerprint);
    if (inference.wrap_sink) sink = inference.wrap_sink(std::move(sink), directory);
    return WorkerEngine{.executor = inference.make_executor(config, place),
                        .sink = std::move(sink),
                        .device = inference.describe_device(place),
                        .device_kind = place.device_index >= 0 ? kCudaDevice : kCpuDevice,
                        .threads = place.threads};
  };
}

SupervisorOptions make_supervisor_options(const StartWork& start) {
  const SweepPatience patience(experiment_from_json(start.experiment_json).compute);
  const RunDirectory directory(start.run_directory);
  return {.heartbeat = patience.heartbeat,
          .coordinator_silence = patience.coordinator_silence,
          .is_committed = [directory](const WorkUnit& unit) {
            // It may already be in a bundle.
            return list_parts(directory).by_unit().contains(unit.id);
          }};
}

}  // namespace

ExitCode serve_inside(WorkerChannel& channel, const NodePlace& node, const InferenceParts& inference) {
  return serve_units(channel, make_engine_factory(inference, node));
}

std::optional<ExitCode> serve_with_engine_process(WorkerChannel& channel, const NodePlace& node) {
  const auto launcher =
      make_process_launcher({kEngineCommand, std::to_string(node.local_worker),
                             std::to_string(node.local_workers), std::to_string(node.workers_on_same_cores)});
  return supervise_engine(channel, *launcher, make_supervisor_options, take_stop_signal);
}

ExitCode serve_as_engine(const std::vector<std::string>& arguments, const InferenceParts& inference) {
  constexpr std::size_t kOwnArguments = 3;
  const std::unique_ptr<WorkerChannel> channel = become_engine(arguments);
  if (arguments.size() < kOwnArguments) {
    throw InputError({.problem = "an engine without a place", .why = "lacuna starts its engines itself"});
  }
  const NodePlace node{.local_worker = parse_engine_number(arguments[0]),
                       .local_workers = parse_engine_number(arguments[1]),
                       .workers_on_same_cores = parse_engine_number(arguments[2])};
  return serve_inside(*channel, node, inference);
}

}  // namespace lacuna
