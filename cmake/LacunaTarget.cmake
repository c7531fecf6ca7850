# How every target of ours is made: same standard, same warnings, includes relative to the repository root.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Use ccache where the machine has it: LibTorch headers take long to compile.
find_program(LACUNA_CCACHE ccache)
if(LACUNA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache's manual asks for where precompiled headers are used.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros
                                  "${LACUNA_CCACHE}")
endif()

function(lacuna_apply_house_rules target)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}")
  # Not for nvcc, which takes other options.
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion>")
  if(LACUNA_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
  endif()
  if(LACUNA_SANITIZE)
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${LACUNA_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=undefined>")
    target_link_options(${target} PUBLIC -fsanitize=${LACUNA_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # It sees paths through instrumented code that there are not.
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
    endif()
  endif()
endfunction()

# Reads LibTorch's headers, which take most of the time of a file that includes them, from a precompiled header that all
# targets of a kind share (libraries and executables differ in their position-independent code).
function(lacuna_precompile_torch_headers target)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  get_target_property(kind ${target} TYPE)
  if(kind STREQUAL "EXECUTABLE")
    set(owner lacuna_torch_headers_of_executables)
  else()
    set(owner lacuna_torch_headers_of_libraries)
  endif()
  if(NOT TARGET ${owner})
    set(source "${PROJECT_BINARY_DIR}/${owner}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "int main() { return 0; }\n")
    if(kind STREQUAL "EXECUTABLE")
      add_executable(${owner} "${source}")
    else()
      add_library(${owner} STATIC "${source}")
    endif()
    target_link_libraries(${owner} PRIVATE lacuna_torch)
    lacuna_apply_house_rules(${owner})
    target_compile_options(${owner} PRIVATE -fpch-preprocess)  # for ccache
    target_precompile_headers(${owner} PRIVATE <ATen/ATen.h>)
  endif()
  target_compile_options(${target} PRIVATE -fpch-preprocess)
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# lacuna_library(NAME SOURCES a.cpp ... USES lib ...)
function(lacuna_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATELY_USES" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_USES} PRIVATE ${ARG_PRIVATELY_USES})
  lacuna_apply_house_rules(${name})
endfunction()

# All executables of tests labelled unit: what the sanitizer preset builds and runs.
add_custom_target(unit_tests)

# lacuna_test(NAME SOURCES a.cpp ... USES lib ... [RANKS n] [LABELS l ...] [TIMEOUT_SECONDS s])
# RANKS: run the test under mpirun with that many ranks.
function(lacuna_test name)
  cmake_parse_arguments(ARG "" "RANKS;TIMEOUT_SECONDS" "SOURCES;USES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_USES} GTest::gtest_main GTest::gmock)
  lacuna_apply_house_rules(${name})
  if("unit" IN_LIST ARG_LABELS)
    add_dependencies(unit_tests ${name})
  endif()
  set(command $<TARGET_FILE:${name}>)
  if(ARG_RANKS)
    set(command ${LACUNA_MPIRUN} -n ${ARG_RANKS} $<TARGET_FILE:${name}>)
  endif()
  add_test(NAME ${name} COMMAND ${command} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  if(NOT ARG_TIMEOUT_SECONDS)
    set(ARG_TIMEOUT_SECONDS 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT_SECONDS} LABELS "${ARG_LABELS}")
endfunction()
