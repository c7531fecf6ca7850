#include "core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>

#include "core/error.h"

namespace lacuna {
namespace {

std::mutex log_mutex;
std::shared_ptr<spdlog::logger> run_log;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void open_log(const std::filesystem::path& file) {
  try {
    auto logger = std::make_shared<spdlog::logger>(
        "lacuna", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string()));
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %v");
    logger->flush_on(spdlog::level::info);
    logger->set_error_handler([](const std::string&) {});
    const std::lock_guard lock(log_mutex);
    run_log = std::move(logger);
  } catch (const spdlog::spdlog_ex& error) {
    throw StorageError(
        {.problem = fmt::format("cannot write the log '{}'", file.string()), .why = error.what()});
  }
}

void close_log() {
  const std::lock_guard lock(log_mutex);
  run_log.reset();
}

void write_log(LogLevel level, std::string_view text) {
  const std::lock_guard lock(log_mutex);
  if (run_log != nullptr) run_log->log(to_spdlog(level), "{}", text);
}

}  // namespace lacuna
