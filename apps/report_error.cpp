#include "apps/report_error.h"

#include <cstdio>
#include <new>

namespace lacuna {

ExitCode report_error(const std::exception_ptr& failure) {
  ExitCode code = ExitCode::kFailure;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    std::fprintf(stderr, "lacuna: error: %s\n", error.what());
    code = error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "lacuna: error: out of memory; use a smaller batch or a machine with more memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lacuna: error: %s\n", error.what());
  }
  std::fflush(stderr);
  return code;
}

}  // namespace lacuna
