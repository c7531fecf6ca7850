// The link between a worker rank and the engine process that computes for it: one socket, whole messages.
//
// On the wire: the length of the message as 4 bytes in the machine's order (both ends are one program on one
// machine), then its text (core/messages.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/channel.h"

namespace lacuna {

// Owns a file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int value = -1) : value_(value) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }

  [[nodiscard]] int value() const { return value_; }
  void close();

 private:
  int value_;
};

// One end of a connected stream socket. Used from one thread.
class MessageSocket {
 public:
  enum class State : std::uint8_t { kOpen, kClosed };  // closed: the other end is gone

  explicit MessageSocket(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  // Waits until the kernel has taken all of it. A closed socket swallows it.
  void send(std::string_view text);
  // The next message, or nothing if none came in that time or the other end is gone. Waiting burns no core.
  std::optional<std::string> receive(std::chrono::milliseconds timeout);
  [[nodiscard]] State state() const { return state_; }

 private:
  // Reads what is there without waiting.
  void read_available();
  std::optional<std::string> take_message();

  FileDescriptor descriptor_;
  std::string received_;  // not yet taken
  State state_ = State::kOpen;
};

// Both ends of a new connection; close-on-exec.
std::pair<FileDescriptor, FileDescriptor> make_socket_pair();

// The engine's end. When the other end is gone, receive() returns StopWork: nobody waits for the results.
class SocketWorkerChannel : public WorkerChannel {
 public:
  explicit SocketWorkerChannel(FileDescriptor descriptor) : socket_(std::move(descriptor)) {}
  void send(const WorkerMessage& message) override { socket_.send(encode(message)); }
  std::optional<CoordinatorMessage> receive(std::chrono::milliseconds timeout) override;

 private:
  MessageSocket socket_;
};

}  // namespace lacuna
