// One round of the crash test: a fresh Nevus in many processes, the load, kills
// at moments drawn from a seed, and the oracle's judgement.
//
// The seed decides which process is killed, when, and what the load asks for;
// how the processes interleave is the machine's. So a seed that fails may have
// to be played more than once.
#ifndef NEVUS_TESTS_CHAOS_KILL_ROUND_H_
#define NEVUS_TESTS_CHAOS_KILL_ROUND_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nevus::chaos {

struct RoundReport {
  uint64_t seed = 0;
  std::map<std::string, int> kills;  // under load, by process
  // How long the slowest start took until it served, by process.
  std::map<std::string, absl::Duration> slowest_start;
  // What was acknowledged.
  int64_t examples = 0;
  int64_t versions = 0;
  int64_t jobs = 0;
  int64_t promotions = 0;
  // Sweeps, each in a pipeline, that ended with a model.
  int64_t sweeps = 0;
  // Attempts at tasks beyond the first: where kills struck while one ran.
  int64_t tries_again = 0;
  // Jobs that failed because of as many kills as they had tries, and succeeded
  // when tried again.
  int64_t retried = 0;
  // Empty: nothing is wrong.
  std::vector<std::string> findings;
  // The processes' logs, if there are findings.
  std::string logs;
};

// Kills `kills` times. `dir` as Cluster::Start has it. An error: the round
// could not be run.
absl::StatusOr<RoundReport> RunRound(uint64_t seed, int kills,
                                     const std::string& dir);

// Rounds with the seeds `seed`, `seed` + 1, ...
struct RunOptions {
  uint64_t seed = 1;
  int kills = 100;
  // Goes on with further rounds until it has passed; zero: only the kills
  // count.
  absl::Duration duration = absl::ZeroDuration();
  int kills_in_round = 17;
  // Each round's data is kept in a folder seed-N of it; "": nothing is kept.
  std::string dir;
};

// What all rounds found together; their seeds are in the findings.
struct RunReport {
  int rounds = 0;
  RoundReport sum;
};

// Runs rounds until enough was killed, or one has findings. `progress` gets a
// line after each.
absl::StatusOr<RunReport> RunRounds(
    const RunOptions& options,
    const std::function<void(const std::string& line)>& progress);

// The report for people: kills, figures, findings.
std::string ToText(const RunReport& report);

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_KILL_ROUND_H_
