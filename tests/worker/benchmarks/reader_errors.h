// What tests of readers share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "tests/temporary_folder.h"

namespace lacuna::testing {

// The message of the InputError that `action` must throw.
template <class Action>
std::string input_error_of(Action action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no InputError was thrown";
  return {};
}

}  // namespace lacuna::testing
