// Reads back everything that the oracle judges, over the same calls that people
// use.
#ifndef NEVUS_TESTS_CHAOS_KILL_OBSERVE_H_
#define NEVUS_TESTS_CHAOS_KILL_OBSERVE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "clients/cpp/client.h"
#include "tests/chaos/oracle.h"

namespace nevus::chaos {

// Every job there is, with its tasks.
absl::StatusOr<std::vector<v1::Job>> ReadJobs(Client& client);

// What the servers say, every row, image and feature read. What cannot be read
// is one of Observed::problems.
Observed Observe(Client& client);

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_KILL_OBSERVE_H_
