// Calls to servers that are being killed: tried again, with the same
// request_id, until they are answered or given up.
#ifndef NEVUS_TESTS_CHAOS_KILL_CALLS_H_
#define NEVUS_TESTS_CHAOS_KILL_CALLS_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "clients/cpp/client.h"

namespace nevus::chaos {

// The server was away, or went away: the call may or may not have been done.
bool IsTransient(const absl::Status& status);

// How a caller bears with servers that are away. Thread-safe.
class Patience {
 public:
  // Gives up for good once `hopeless` is stopped.
  explicit Patience(const StopSignal& hopeless) : hopeless_(hopeless) {}

  // Calls `call`, which returns a StatusOr, until it is answered, at most
  // `tries` times; 0: until then, however long it takes. A transient error
  // means that it was given up.
  template <typename Call>
  auto Insist(int tries, const Call& call) const -> decltype(call()) {
    for (int i = 1;; ++i) {
      auto answer = call();
      if (!IsTransient(answer.status()) || i == tries || !Pause()) {
        return answer;
      }
    }
  }

  // A moment before the next try; false: there is no hope.
  bool Pause() const { return !hopeless_.WaitFor(absl::Milliseconds(50)); }

 private:
  const StopSignal& hopeless_;
};

// An example and its file.
struct NewImage {
  v1::Example example;
  std::string bytes;
};

// Sends `images` over one stream and gives each answer to `heard` as it comes.
// Transient: the stream broke, after any number of answers.
absl::Status ImportOnce(
    Client& client, const std::string& dataset,
    const std::vector<const NewImage*>& images,
    const std::function<void(const v1::ImportOutcome&)>& heard);

// Watches `id` until it has ended, coming back with the number of the last
// event whenever the stream breaks or a while has passed. INTERNAL if an event
// was missed or repeated.
absl::StatusOr<v1::Job> WatchToTheEnd(Client& client, const Patience& patience,
                                      const std::string& id);

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_KILL_CALLS_H_
