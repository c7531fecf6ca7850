// The real inference, in the form that a sweep takes it.
#pragma once

#include "apps/sweep/inference_parts.h"

namespace lacuna {

InferenceParts make_inference_parts();

}  // namespace lacuna
