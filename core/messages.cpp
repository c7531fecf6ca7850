#include "core/messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace lacuna {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json unit_to_json(const WorkUnit& unit) {
  return {{"id", unit.id.value()},
          {"model", unit.model.value()},
          {"benchmark", unit.benchmark.value()},
          {"stream", to_string(unit.stream)},
          {"first", unit.first_question.value()},
          {"count", unit.question_count}};
}

WorkUnit unit_from_json(const Json& json) {
  WorkUnit unit;
  unit.id = UnitId(json.at("id").get<std::string>());
  unit.model = ModelIndex(json.at("model").get<std::int32_t>());
  unit.benchmark = BenchmarkIndex(json.at("benchmark").get<std::int32_t>());
  unit.stream = json.at("stream").get<std::string>() == to_string(StreamKind::kPropagate)
                    ? StreamKind::kPropagate
                    : StreamKind::kShared;
  unit.first_question = QuestionIndex(json.at("first").get<std::int64_t>());
  json.at("count").get_to(unit.question_count);
  return unit;
}

ExitCode exit_code_from_json(const Json& json) {
  return static_cast<ExitCode>(json.get<int>());
}

struct ToJson {
  Json operator()(const StartWork& m) const {
    return {{"type", "start"},
            {"experiment", m.experiment_json},
            {"run_directory", m.run_directory.string()},
            {"fingerprint", m.fingerprint},
            {"device_kind", m.device_kind}};
  }
  Json operator()(const RunUnit& m) const {
    return {{"type", "run"}, {"unit", unit_to_json(m.unit)}, {"lease", m.lease.value()}};
  }
  Json operator()(const StopWork& m) const {
    return {{"type", "stop"}, {"exit_code", static_cast<int>(m.exit_code)}};
  }
  Json operator()(const StillHere&) const { return {{"type", "still_here"}}; }
  Json operator()(const WorkerReady& m) const {
    return {{"type", "ready"},
            {"host", m.host},
            {"process_id", m.process_id},
            {"device", m.device},
            {"device_kind", m.device_kind},
            {"threads", m.threads}};
  }
  Json operator()(const WorkerFailed& m) const {
    return {{"type", "worker_failed"}, {"reason", m.reason}, {"exit_code", static_cast<int>(m.exit_code)}};
  }
  Json operator()(const UnitProgress& m) const {
    return {{"type", "progress"},
            {"unit", m.unit.value()},
            {"lease", m.lease.value()},
            {"questions_done", m.questions_done}};
  }
  Json operator()(const UnitComputed& m) const {
    return {{"type", "computed"}, {"unit", m.unit.value()}, {"lease", m.lease.value()}};
  }
  Json operator()(const UnitDone& m) const {
    return {{"type", "done"}, {"unit", m.unit.value()}, {"lease", m.lease.value()}, {"seconds", m.seconds}};
  }
  Json operator()(const UnitFailed& m) const {
    return {{"type", "failed"},
            {"unit", m.unit.value()},
            {"lease", m.lease.value()},
            {"reason", m.reason},
            {"storage_failed", m.storage_failed}};
  }
  Json operator()(const WorkerLeft&) const { return {{"type", "left"}}; }
  Json operator()(const StopRequested& m) const { return {{"type", "stop_requested"}, {"signal", m.signal}}; }
};

// Calls `read` with the parsed object and its type; turns every JSON failure into one error.
template <class Message, class Read>
Message decode(std::string_view text, Read read) {
  try {
    const Json json = Json::parse(text);
    return read(json, json.at("type").get<std::string>());
  } catch (const Json::exception& error) {
    throw InputError(
        {.problem = "a message between coordinator and worker cannot be read", .why = error.what()});
  }
}

[[noreturn]] void fail_unknown(const std::string& type) {
  throw InputError(
      {.problem = fmt::format("a message between coordinator and worker has the unknown type '{}'", type),
       .suggestion = "run the same version of lacuna everywhere"});
}

}  // namespace

std::string encode(const CoordinatorMessage& message) {
  return dump(std::visit(ToJson(), message));
}

std::string encode(const WorkerMessage& message) {
  return dump(std::visit(ToJson(), message));
}

CoordinatorMessage decode_coordinator_message(std::string_view text) {
  return decode<CoordinatorMessage>(
      text, [](const Json& json, const std::string& type) -> CoordinatorMessage {
        if (type == "start") {
          return StartWork{.experiment_json = json.at("experiment").get<std::string>(),
                           .run_directory = json.at("run_directory").get<std::string>(),
                           .fingerprint = json.at("fingerprint").get<std::string>(),
                           .device_kind = json.at("device_kind").get<std::string>()};
        }
        if (type == "run") {
          return RunUnit{.unit = unit_from_json(json.at("unit")),
                         .lease = LeaseId(json.at("lease").get<std::int64_t>())};
        }
        if (type == "still_here") return StillHere{};
        if (type == "stop") return StopWork{.exit_code = exit_code_from_json(json.at("exit_code"))};
        fail_unknown(type);
      });
}

WorkerMessage decode_worker_message(std::string_view text) {
  return decode<WorkerMessage>(text, [](const Json& json, const std::string& type) -> WorkerMessage {
    if (type == "ready") {
      return WorkerReady{.host = json.at("host").get<std::string>(),
                         .process_id = json.at("process_id").get<std::int64_t>(),
                         .device = json.at("device").get<std::string>(),
                         .device_kind = json.at("device_kind").get<std::string>(),
                         .threads = json.at("threads").get<std::int64_t>()};
    }
    if (type == "worker_failed") {
      return WorkerFailed{.reason = json.at("reason").get<std::string>(),
                          .exit_code = exit_code_from_json(json.at("exit_code"))};
    }
    if (type == "left") return WorkerLeft{};
    if (type == "stop_requested") return StopRequested{.signal = json.at("signal").get<std::string>()};
    if (type != "progress" && type != "computed" && type != "done" && type != "failed") fail_unknown(type);
    const UnitId unit(json.at("unit").get<std::string>());
    const LeaseId lease(json.at("lease").get<std::int64_t>());
    if (type == "progress") {
      return UnitProgress{
          .unit = unit, .lease = lease, .questions_done = json.at("questions_done").get<std::int64_t>()};
    }
    if (type == "computed") return UnitComputed{.unit = unit, .lease = lease};
    if (type == "done")
      return UnitDone{.unit = unit, .lease = lease, .seconds = json.at("seconds").get<double>()};
    return UnitFailed{.unit = unit,
                      .lease = lease,
                      .reason = json.at("reason").get<std::string>(),
                      .storage_failed = json.at("storage_failed").get<bool>()};
  });
}

}  // namespace lacuna
