#include "orchestrator/mpi_session.h"

#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <list>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kToCoordinator = 1;
constexpr int kToWorker = 2;
// A waiting rank looks for messages ever less often, so that it costs no measurable CPU time; but its naps
// stay a small part of what it has waited for. (Two ranks that answer each other with naps as long as their
// waits end up at the longest nap for every message.)
constexpr std::chrono::microseconds kShortestNap{20};
constexpr std::chrono::microseconds kLongestNap{10000};
constexpr int kNapShare = 10;
// How long the end of a process may wait for messages that nobody receives.
constexpr std::chrono::seconds kFlushTime{30};

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw SystemError({.problem = std::string("MPI failed in ") + what, .why = text.data()});
}

struct Received {
  int rank;
  std::string text;
};

// Sends and receives texts. A send copies its text and returns at once, even if it is large and nobody
// listens.
class Post {
 public:
  explicit Post(MPI_Comm communicator) : communicator_(communicator) {}

  void send(int rank, int tag, std::string text) {
    forget_finished_sends();
    Pending& pending = pending_.emplace_back(std::move(text), MPI_REQUEST_NULL);
    check(MPI_Isend(pending.text.data(), static_cast<int>(pending.text.size()), MPI_BYTE, rank, tag,
                    communicator_, &pending.request),
          "MPI_Isend");
  }

  std::optional<Received> receive(int tag, std::chrono::milliseconds timeout) {
    const Clock::time_point start = Clock::now();
    const Clock::time_point deadline = start + timeout;
    while (true) {
      forget_finished_sends();
      if (auto received = try_receive(tag)) return received;
      const auto microseconds = [](Clock::duration d) {
        return std::chrono::duration_cast<std::chrono::microseconds>(d);
      };
      const Clock::time_point now = Clock::now();
      if (now >= deadline) return std::nullopt;
      const auto nap = std::clamp(microseconds(now - start) / kNapShare, kShortestNap, kLongestNap);
      std::this_thread::sleep_for(std::min(nap, microseconds(deadline - now)));
    }
  }

  // Waits until everything was sent, but not for ever.
  void flush() {
    const Clock::time_point deadline = Clock::now() + kFlushTime;
    while (forget_finished_sends(), !pending_.empty() && Clock::now() < deadline) {
      std::this_thread::sleep_for(kLongestNap);
    }
  }

 private:
  struct Pending {
    Pending(std::string t, MPI_Request r) : text(std::move(t)), request(r) {}
    std::string text;
    MPI_Request request;
  };

  std::optional<Received> try_receive(int tag) {
    int found = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    check(MPI_Improbe(MPI_ANY_SOURCE, tag, communicator_, &found, &message, &status), "MPI_Improbe");
    if (found == 0) return std::nullopt;
    int size = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &size), "MPI_Get_count");
    Received received{.rank = status.MPI_SOURCE, .text = std::string(static_cast<std::size_t>(size), '\0')};
    check(MPI_Mrecv(received.text.data(), size, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
    return received;
  }

  void forget_finished_sends() {
    std::erase_if(pending_, [](Pending& pending) {
      int finished = 0;
      check(MPI_Test(&pending.request, &finished, MPI_STATUS_IGNORE), "MPI_Test");
      return finished != 0;
    });
  }

  MPI_Comm communicator_;
  std::list<Pending> pending_;  // a list: MPI reads from the texts until they are sent
};

class MpiCoordinatorChannel : public CoordinatorChannel {
 public:
  MpiCoordinatorChannel(Post& post, int size) : post_(post) {
    for (int rank = 1; rank < size; ++rank) workers_.emplace_back(rank);
  }

  [[nodiscard]] std::vector<WorkerId> workers() const override { return workers_; }

  void send(WorkerId worker, const CoordinatorMessage& message) override {
    post_.send(worker.value(), kToWorker, encode(message));
  }

  std::optional<FromWorker> receive(std::chrono::milliseconds timeout) override {
    const std::optional<Received> received = post_.receive(kToCoordinator, timeout);
    if (!received) return std::nullopt;
    return FromWorker{.worker = WorkerId(received->rank), .message = decode_worker_message(received->text)};
  }

 private:
  Post& post_;
  std::vector<WorkerId> workers_;
};

class MpiWorkerChannel : public WorkerChannel {
 public:
  explicit MpiWorkerChannel(Post& post) : post_(post) {}

  void send(const WorkerMessage& message) override { post_.send(0, kToCoordinator, encode(message)); }

  std::optional<CoordinatorMessage> receive(std::chrono::milliseconds timeout) override {
    const std::optional<Received> received = post_.receive(kToWorker, timeout);
    if (!received) return std::nullopt;
    return decode_coordinator_message(received->text);
  }

 private:
  Post& post_;
};

}  // namespace

struct MpiSession::State {
  int rank = 0;
  int size = 1;
  std::int64_t local_worker = 0;
  std::int64_t local_workers = 1;
  std::int64_t workers_on_same_cores = 1;
  std::unique_ptr<Post> post;

  void find_place();
};

// Tells the ranks of a node their worker positions and which cores each may use.
void MpiSession::State::find_place() {
  MPI_Comm node = MPI_COMM_NULL;
  check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type");
  int node_size = 1;
  check(MPI_Comm_size(node, &node_size), "MPI_Comm_size");
  struct Place {
    int rank;
    cpu_set_t cores;
  };
  Place own{};
  own.rank = rank;
  CPU_ZERO(&own.cores);
  sched_getaffinity(0, sizeof own.cores, &own.cores);  // on failure all are equal: nobody is alone on cores
  std::vector<Place> places(static_cast<std::size_t>(node_size));
  check(MPI_Allgather(&own, sizeof own, MPI_BYTE, places.data(), sizeof own, MPI_BYTE, node),
        "MPI_Allgather");
  check(MPI_Comm_free(&node), "MPI_Comm_free");
  if (size > 1) std::erase_if(places, [](const Place& place) { return place.rank == 0; });
  local_workers = static_cast<std::int64_t>(places.size());
  local_worker = std::count_if(places.begin(), places.end(), [&](const Place& p) { return p.rank < rank; });
  workers_on_same_cores = std::count_if(places.begin(), places.end(), [&](const Place& place) {
    return CPU_EQUAL(&place.cores, &own.cores) != 0;
  });
}

MpiSession::MpiSession() : state_(std::make_unique<State>()) {
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(MPI_COMM_WORLD, &state_->rank), "MPI_Comm_rank");
  check(MPI_Comm_size(MPI_COMM_WORLD, &state_->size), "MPI_Comm_size");
  state_->find_place();
  state_->post = std::make_unique<Post>(MPI_COMM_WORLD);
}

MpiSession::~MpiSession() {
  try {
    state_->post->flush();
  } catch (const Error&) {
    // Finalizing is all that is left to do.
  }
  MPI_Finalize();
}

void MpiSession::leave_at_once(int exit_code) {
  std::_Exit(exit_code);
}

int MpiSession::rank() const {
  return state_->rank;
}
int MpiSession::size() const {
  return state_->size;
}
std::int64_t MpiSession::local_worker() const {
  return state_->local_worker;
}
std::int64_t MpiSession::local_workers() const {
  return state_->local_workers;
}
std::int64_t MpiSession::workers_on_same_cores() const {
  return state_->workers_on_same_cores;
}

std::unique_ptr<CoordinatorChannel> MpiSession::make_coordinator_channel() {
  if (state_->rank != 0 || state_->size < 2)
    throw std::logic_error("only rank 0 of several is a coordinator");
  return std::make_unique<MpiCoordinatorChannel>(*state_->post, state_->size);
}

std::unique_ptr<WorkerChannel> MpiSession::make_worker_channel() {
  if (state_->rank == 0) throw std::logic_error("rank 0 is no worker");
  return std::make_unique<MpiWorkerChannel>(*state_->post);
}

}  // namespace lacuna
