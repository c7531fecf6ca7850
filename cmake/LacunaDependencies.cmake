# Every outside package, found once. docs/architecture.md says what each is for.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)  # before 0.8; 0.10 will have no other
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

if(LACUNA_WITH_TORCH)
  find_package(Torch REQUIRED)
  if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
    message(FATAL_ERROR "This LibTorch (${TORCH_INSTALL_PREFIX}) has the C++ ABI of before GCC 5, which no other library "
                        "here is built for. Use a wheel of PyTorch 2.7 or later, or LibTorch's download for the cxx11 ABI.")
  endif()
  find_package(OpenMP REQUIRED)  # LibTorch's CPU threads
  add_library(lacuna_torch INTERFACE)
  target_link_libraries(lacuna_torch INTERFACE ${TORCH_LIBRARIES})
  target_include_directories(lacuna_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})

  # Our kernels for a GPU, where LibTorch has CUDA. Its CMake files then look for nvcc, too, and say for which GPUs to
  # compile: TORCH_CUDA_ARCH_LIST.
  set(LACUNA_CUDA_COMPILER_FOUND OFF)
  if(TARGET torch_cuda)
    include(CheckLanguage)
    check_language(CUDA)
    if(CMAKE_CUDA_COMPILER)
      set(LACUNA_CUDA_COMPILER_FOUND ON)
    endif()
  endif()
  option(LACUNA_WITH_CUDA_KERNELS "Build our kernels for GPUs (needs LibTorch with CUDA, and nvcc)"
         ${LACUNA_CUDA_COMPILER_FOUND})
  if(LACUNA_WITH_CUDA_KERNELS)
    if(NOT LACUNA_CUDA_COMPILER_FOUND)
      message(FATAL_ERROR "LACUNA_WITH_CUDA_KERNELS needs a LibTorch with CUDA and nvcc in PATH (or CMAKE_CUDA_COMPILER).")
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    # The C++ compiler links, as everywhere: nvcc may use an older GCC, whose libstdc++ lacks what ours refers to.
    set(CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES "")
    set(CMAKE_CUDA_IMPLICIT_LINK_LIBRARIES "")
  endif()
endif()

if(LACUNA_WITH_HDF5)
  # The serial library: LibTorch of Debian drags in libhdf5_serial through OpenCV and GDAL.
  pkg_check_modules(HDF5_SERIAL IMPORTED_TARGET hdf5-serial>=1.10.2)
  if(TARGET PkgConfig::HDF5_SERIAL)
    add_library(lacuna_hdf5 INTERFACE)
    # The high-level library (dimension scales) lies beside it and is not in its pkg-config file. Debian with HDF5 2 has
    # both where the linker looks by itself, under names of their own.
    find_library(LACUNA_HDF5_HL_LIBRARY NAMES hdf5_serial_hl hdf5_hl NAMES_PER_DIR HINTS ${HDF5_SERIAL_LIBRARY_DIRS}
                 REQUIRED)
    target_link_libraries(lacuna_hdf5 INTERFACE ${LACUNA_HDF5_HL_LIBRARY} PkgConfig::HDF5_SERIAL)
  else()
    set(HDF5_PREFER_PARALLEL OFF)
    find_package(HDF5 1.10.2 REQUIRED COMPONENTS C HL)
    add_library(lacuna_hdf5 INTERFACE)
    target_include_directories(lacuna_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
    target_link_libraries(lacuna_hdf5 INTERFACE ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES})
  endif()
  # The functions' names in later releases mean what they meant in 1.10.
  target_compile_definitions(lacuna_hdf5 INTERFACE H5_USE_110_API)
endif()

if(LACUNA_WITH_MPI)
  set(MPI_CXX_SKIP_MPICXX ON)
  find_package(MPI REQUIRED COMPONENTS CXX)
endif()

# What a test with RANKS n runs under: root in a container and more ranks than cores are both usual there.
find_program(LACUNA_MPIRUN_PROGRAM mpirun)
set(LACUNA_MPIRUN "${LACUNA_MPIRUN_PROGRAM}" --oversubscribe --bind-to none)
if("$ENV{USER}" STREQUAL "root" OR "$ENV{HOME}" STREQUAL "/root")
  list(APPEND LACUNA_MPIRUN --allow-run-as-root)
endif()

if(LACUNA_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
