#include "orchestrator/launch_environment.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/error.h"

namespace lacuna {
namespace {

std::optional<std::int64_t> parse_count(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failure != std::errc() || end == text->data()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> read_environment_variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

bool is_launched_under_mpi(const ReadVariable& read) {
  for (const char* const name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (read(name)) return true;
  }
  // Only srun sets it, for the tasks of a step.
  if (parse_count(read("SLURM_STEP_NUM_TASKS")).value_or(1) > 1 && read("SLURM_PROCID")) {
    throw InputError({.problem = "srun started several tasks without MPI",
                      .why = "each of them would take itself for the only one",
                      .suggestion = "start them with srun --mpi=pmix"});
  }
  return false;
}

std::int64_t rank_from_environment(const ReadVariable& read) {
  for (const char* const name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (const auto rank = parse_count(read(name))) return *rank;
  }
  if (read("SLURM_STEP_NUM_TASKS")) return parse_count(read("SLURM_PROCID")).value_or(0);
  return 0;
}

std::optional<std::int64_t> read_cpu_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");  // "<quota or max> <period>", microseconds
  std::string quota;
  std::int64_t period = 0;
  if (!(file >> quota >> period) || period <= 0) return std::nullopt;
  const auto microseconds = parse_count(quota);
  if (!microseconds || *microseconds <= 0) return std::nullopt;
  return (*microseconds + period - 1) / period;
}

std::int64_t read_machine_bytes() {
  std::int64_t bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  // Version 2 of control groups says "max", version 1 a huge number, where there is no limit.
  for (const char* const path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    std::int64_t limit = 0;
    if (file >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return std::max<std::int64_t>(0, bytes);
}

std::int64_t share_cores(std::int64_t own_cores, std::int64_t sharing, std::optional<std::int64_t> quota,
                         std::int64_t node_workers) {
  std::int64_t share = own_cores / std::max<std::int64_t>(1, sharing);
  if (quota) share = std::min(share, *quota / std::max<std::int64_t>(1, node_workers));
  return std::max<std::int64_t>(1, share);
}

std::int64_t count_own_cores() {
  // A static set of 1024 cores is too small for some machines: the call then fails and all cores are taken.
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return std::max<std::int64_t>(1, std::thread::hardware_concurrency());
}

}  // namespace lacuna
