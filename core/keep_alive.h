// A sign of life from within long work.
#pragma once

#include <functional>

namespace lacuna {

// Called often (every layer of a pass, every weight of a model) by what takes long, so that whoever watches
// can tell slow from hung. Cheap; may be empty.
using KeepAlive = std::function<void()>;

}  // namespace lacuna
