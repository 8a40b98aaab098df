// The load of the crash test: threads that use every service as people and
// hospitals do, and write down in the ledger what they were promised.
#ifndef NEVUS_TESTS_CHAOS_KILL_LOAD_H_
#define NEVUS_TESTS_CHAOS_KILL_LOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "clients/cpp/client.h"
#include "tests/chaos/kill_calls.h"
#include "tests/chaos/kill_ledger.h"
#include "tests/chaos/kill_user.h"

namespace nevus::chaos {

class Load {
 public:
  // Each thread takes its choices from `seed`. All must outlive this.
  Load(Client& client, Ledger& ledger, const Patience& patience, uint64_t seed);
  ~Load();

  // What the load needs before faults begin: a backbone.
  absl::Status Prepare();

  void Start();
  // Ends what is under way and waits for all threads.
  void Finish();
  // After Finish: repeats requests, which must be answered as they were.
  void AskAgain();

 private:
  Client& client_;
  std::vector<std::unique_ptr<User>> users_;
  StopSignal stop_;
  std::vector<std::thread> threads_;
};

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_KILL_LOAD_H_
