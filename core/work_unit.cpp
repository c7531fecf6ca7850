#include "core/work_unit.h"

namespace lacuna {

std::string_view to_string(StreamKind kind) {
  return kind == StreamKind::kShared ? "shared" : "propagate";
}

}  // namespace lacuna
