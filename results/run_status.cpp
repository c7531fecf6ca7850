#include "results/run_status.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "results/durable_file.h"

namespace lacuna {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> kStateNames = {"preparing",  "running",     "stopping", "finished",
                                                         "incomplete", "interrupted", "failed"};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string find_job_id() {
  const std::string array_job = variable("SLURM_ARRAY_JOB_ID");
  if (array_job.empty()) return variable("SLURM_JOB_ID");
  return array_job + "_" + variable("SLURM_ARRAY_TASK_ID");
}

void stamp(RunStatus& status) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) status.host = host.data();
  status.updated_at = std::time(nullptr);
  status.process_id = ::getpid();
  status.job_id = find_job_id();
}

RunStatus parse_status(const json& object) {
  RunStatus status;
  const auto state = std::ranges::find(kStateNames, object.at("state").get<std::string>());
  if (state == kStateNames.end()) throw json::other_error::create(501, "unknown state", &object);
  status.state = static_cast<RunState>(std::distance(kStateNames.begin(), state));
  status.updated_at = object.at("updated_at").get<std::int64_t>();
  constexpr std::int64_t kLatestTime = 100'000'000'000;  // the year 5138; more is no time that can be shown
  if (status.updated_at < 0 || status.updated_at > kLatestTime) {
    throw json::other_error::create(501, "no sensible time", &object);
  }
  status.host = object.at("host").get<std::string>();
  status.process_id = object.at("process_id").get<std::int64_t>();
  status.job_id = object.at("job_id").get<std::string>();
  status.units_done = object.at("units_done").get<std::int64_t>();
  status.units_total = object.at("units_total").get<std::int64_t>();
  status.units_failed = object.at("units_failed").get<std::int64_t>();
  status.questions_done = object.at("questions_done").get<std::int64_t>();
  status.questions_total = object.at("questions_total").get<std::int64_t>();
  status.questions_per_second = object.at("questions_per_second").get<double>();
  if (!object.at("eta_seconds").is_null()) status.eta_seconds = object.at("eta_seconds").get<double>();
  status.workers = object.at("workers").get<std::int64_t>();
  for (const json& unit : object.at("in_flight")) {
    status.in_flight.push_back({.worker = WorkerId(unit.at("worker").get<std::int32_t>()),
                                .unit = UnitId(unit.at("unit").get<std::string>()),
                                .seconds = unit.at("seconds").get<double>()});
  }
  status.last_error = object.at("last_error").get<std::string>();
  return status;
}

}  // namespace

std::string_view to_string(RunState state) {
  return kStateNames.at(static_cast<std::size_t>(state));
}

bool has_ended(RunState state) {
  return state != RunState::kPreparing && state != RunState::kRunning && state != RunState::kStopping;
}

json to_json(const RunStatus& status) {
  json in_flight = json::array();
  for (const UnitInFlight& unit : status.in_flight) {
    in_flight.push_back(
        {{"worker", unit.worker.value()}, {"unit", unit.unit.value()}, {"seconds", unit.seconds}});
  }
  return {{"state", to_string(status.state)},
          {"updated_at", status.updated_at},
          {"host", status.host},
          {"process_id", status.process_id},
          {"job_id", status.job_id},
          {"units_done", status.units_done},
          {"units_total", status.units_total},
          {"units_failed", status.units_failed},
          {"questions_done", status.questions_done},
          {"questions_total", status.questions_total},
          {"questions_per_second", status.questions_per_second},
          {"eta_seconds", status.eta_seconds ? json(*status.eta_seconds) : json()},
          {"workers", status.workers},
          {"in_flight", std::move(in_flight)},
          {"last_error", status.last_error}};
}

void write_run_status(const RunDirectory& run, RunStatus status) noexcept {
  try {
    stamp(status);
    const std::filesystem::path temporary = temporary_name(run.status_file());
    std::ofstream stream(temporary, std::ios::binary);
    stream << to_json(status).dump(1, ' ', false, json::error_handler_t::replace) << "\n";
    stream.close();
    std::error_code ignored;
    if (stream) std::filesystem::rename(temporary, run.status_file(), ignored);
    if (!stream || ignored) std::filesystem::remove(temporary, ignored);
  } catch (const std::exception&) {
    // The next one may succeed, and nobody depends on it.
  }
}

std::optional<RunStatus> read_run_status(const RunDirectory& run) {
  std::ifstream stream(run.status_file(), std::ios::binary);
  if (!stream) return std::nullopt;
  try {
    return parse_status(json::parse(stream));
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace lacuna
