#include "results/run_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <system_error>
#include <utility>

#include "results/merge.h"
#include "results/part_catalog.h"

namespace lacuna {

namespace {

constexpr std::size_t kShown = 10;

void count_parts(const RunDirectory& run, const RunManifest& manifest, RunReport& report) {
  const PartCatalog catalog = list_parts(run);
  report.loose_parts = static_cast<std::int64_t>(catalog.loose.size());
  report.bundles = static_cast<std::int64_t>(catalog.bundles.size() + catalog.unusable.size());
  const auto places = catalog.by_unit();
  const auto failures = failed_units(run);
  for (const WorkUnit& unit : manifest.units) {
    ++report.units_total;
    report.questions_total += unit.question_count;
    if (places.contains(unit.id)) {
      ++report.units_done;
      report.questions_done += unit.question_count;
    } else if (const auto failure = failures.find(unit.id); failure != failures.end()) {
      report.failed.push_back({.unit = unit.id, .why = failure->second});
    }
  }
}

std::string describe_time(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string render_coordinator(const RunReport& report) {
  if (!report.status) return "coordinator: it has left no sign of life\n";
  const RunStatus& status = *report.status;
  const std::string job = status.job_id.empty() ? "" : fmt::format(", job {}", status.job_id);
  std::string text =
      fmt::format("coordinator: {}; process {} on {}{}, {} ({} ago)\n", to_string(status.state),
                  status.process_id, status.host, job, describe_time(status.updated_at),
                  describe_duration(static_cast<double>(report.seconds_since_status)));
  if (report.is_silent) {
    text += fmt::format("no sign of life for {}: killed? the same command resumes\n",
                        describe_duration(static_cast<double>(report.seconds_since_status)));
  } else if (!has_ended(status.state)) {
    text += fmt::format(
        "speed: {:.2f} questions a second with {} worker(s){}\n", status.questions_per_second, status.workers,
        status.eta_seconds ? ", about " + describe_duration(*status.eta_seconds) + " left" : "");
    for (std::size_t i = 0; i < std::min(status.in_flight.size(), kShown); ++i) {
      const UnitInFlight& unit = status.in_flight[i];
      text +=
          fmt::format("  worker {}: {} for {}\n", unit.worker, unit.unit, describe_duration(unit.seconds));
    }
    if (status.in_flight.size() > kShown) {
      text += fmt::format("  and {} more\n", status.in_flight.size() - kShown);
    }
  }
  if (!status.last_error.empty()) text += fmt::format("last error: {}\n", status.last_error);
  return text;
}

std::string choose_state(const RunReport& report) {
  if (!report.status) return "unknown";
  return report.is_silent ? "silent" : std::string(to_string(report.status->state));
}

}  // namespace

RunReport report_run(const RunDirectory& run, std::int64_t now) {
  const RunManifest manifest = read_manifest(run);
  RunReport report;
  report.directory = run.root().string();
  report.experiment = manifest.experiment;
  report.models = manifest.models;
  report.benchmarks = manifest.benchmarks;
  count_parts(run, manifest, report);
  report.damaged = read_quarantine(run);
  std::error_code ignored;
  report.has_store = std::filesystem::exists(run.store_file(), ignored);
  report.is_store_current = report.has_store && is_store_current(run);
  report.status = read_run_status(run);
  if (report.status) {
    report.seconds_since_status = std::max<std::int64_t>(0, now - report.status->updated_at);
    report.is_silent = !has_ended(report.status->state) && report.seconds_since_status > kSilentSeconds;
  }
  return report;
}

std::string render_report(const RunReport& report) {
  const double share = report.questions_total > 0 ? 100.0 * static_cast<double>(report.questions_done) /
                                                        static_cast<double>(report.questions_total)
                                                  : 0.0;
  std::string text = fmt::format("{}: {}\nmodels: {}\nbenchmarks: {}\n", report.directory, report.experiment,
                                 fmt::join(report.models, ", "), fmt::join(report.benchmarks, ", "));
  text +=
      fmt::format("on disk: {} of {} units, {} of {} questions ({:.1f} %), in {} part(s) and {} bundle(s)\n",
                  report.units_done, report.units_total, report.questions_done, report.questions_total, share,
                  report.loose_parts, report.bundles);
  const char* store = report.is_store_current ? "store.h5 is up to date" : "store.h5 is older than the parts";
  text += fmt::format("store: {}\n", report.has_store ? store : "not merged yet");
  text += render_coordinator(report);
  if (!report.failed.empty()) text += fmt::format("{} failed unit(s):\n", report.failed.size());
  for (std::size_t i = 0; i < std::min(report.failed.size(), kShown); ++i) {
    text += fmt::format("  {}: {}\n", report.failed[i].unit, report.failed[i].why);
  }
  if (report.failed.size() > kShown) text += fmt::format("  and {} more\n", report.failed.size() - kShown);
  if (!report.damaged.empty()) text += fmt::format("{} damaged file(s) moved away:\n", report.damaged.size());
  for (std::size_t i = 0; i < std::min(report.damaged.size(), kShown); ++i) {
    text += fmt::format("  {}: {}\n", report.damaged[i].moved_to.string(), report.damaged[i].why);
  }
  if (report.damaged.size() > kShown) text += fmt::format("  and {} more\n", report.damaged.size() - kShown);
  return text;
}

nlohmann::json to_json(const RunReport& report) {
  using nlohmann::json;
  json failed = json::array();
  for (const FailedUnit& unit : report.failed) {
    failed.push_back({{"unit", unit.unit.value()}, {"why", unit.why}});
  }
  json damaged = json::array();
  for (const QuarantinedFile& file : report.damaged) {
    damaged.push_back(
        {{"file", file.file.string()}, {"moved_to", file.moved_to.string()}, {"why", file.why}});
  }
  json coordinator;
  if (report.status) {
    coordinator = to_json(*report.status);
    coordinator["seconds_since"] = report.seconds_since_status;
  }
  return {{"directory", report.directory},
          {"experiment", report.experiment},
          {"models", report.models},
          {"benchmarks", report.benchmarks},
          {"state", choose_state(report)},
          {"units", {{"done", report.units_done}, {"total", report.units_total}}},
          {"questions", {{"done", report.questions_done}, {"total", report.questions_total}}},
          {"loose_parts", report.loose_parts},
          {"bundles", report.bundles},
          {"failed", std::move(failed)},
          {"damaged", std::move(damaged)},
          {"store", {{"present", report.has_store}, {"current", report.is_store_current}}},
          {"coordinator", std::move(coordinator)}};
}

std::string describe_duration(double seconds) {
  // A number from a file may be anything.
  const auto whole = static_cast<std::int64_t>(seconds >= 0 && seconds < 1e12 ? seconds : 0);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

}  // namespace lacuna
