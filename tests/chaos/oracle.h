// The oracle of the crash test: what must be true of a Nevus whose processes
// were killed, given what its clients heard.
//
// The load (kill_load.h) writes down each write as *pending* before it sends it
// and as *settled* once it was acknowledged. Settled must be there, pending may
// be there, whole; anything else is a finding. Pure: knows no server, no clock
// and no thread, so that oracle_test.cc can show that it catches each loss.
#ifndef NEVUS_TESTS_CHAOS_ORACLE_H_
#define NEVUS_TESTS_CHAOS_ORACLE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/feature.pb.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"

namespace nevus::chaos {

// What the clients know of one dataset.
struct DatasetBook {
  // Every example ever sent, by id; the image digest is that of the answer.
  std::map<std::string, v1::Example> sent;
  // Ids that were answered with TAKEN or ALREADY_THERE.
  std::set<std::string> settled;
  // An acknowledged version, and what was settled before it was asked for.
  struct Sealed {
    v1::DatasetVersion version;
    std::set<std::string> must_hold;
  };
  std::map<int64_t, Sealed> sealed;
  // Seals that were given up without an answer: each may have made a version.
  int unanswered_seals = 0;
};

// What became of the wish to cancel a job.
enum class CancelWish {
  kNone,
  kPending,  // asked, no answer
  kGranted,  // answered CANCELLED
  kTooLate,  // answered JOB_ENDED
};

// What the clients know of one job, by its request id.
struct JobBook {
  v1::WorkerKind kind = v1::WORKER_KIND_UNSPECIFIED;
  // What it extracts, trains on or judges on.
  std::string dataset;
  int64_t version = 0;
  int candidates =
      0;           // of a sweep: tasks that train, before the one that chooses
  std::string id;  // "" until acknowledged
  CancelWish cancel = CancelWish::kNone;
};

// Where an alias may point.
struct AliasBook {
  int64_t settled = 0;  // the last acknowledged promotion; 0: none
  std::set<int64_t> pending;
};

struct Book {
  std::map<std::string, DatasetBook> datasets;  // by name
  std::map<std::string, JobBook> jobs;          // by request id
  std::map<std::string, AliasBook> aliases;     // by "model@alias"
};

// One feature space as it is: which of all images have a feature that reads
// back whole.
struct ObservedSpace {
  v1::FeatureSpace space;
  std::set<std::string> present;
};

struct ObservedVersion {
  v1::DatasetVersion version;
  std::vector<v1::Example> rows;  // as they came
};

struct ObservedDataset {
  std::vector<v1::Example> draft;
  std::vector<ObservedVersion> versions;
};

// Everything that the servers say once faults have stopped and jobs have ended.
struct Observed {
  std::map<std::string, ObservedDataset> datasets;  // by name
  std::vector<v1::Job> jobs;                        // with tasks
  std::map<std::string, ObservedSpace> spaces;      // by digest
  std::vector<v1::Model> models;
  std::vector<v1::Alias> aliases;
  std::vector<v1::Evaluation> evaluations;  // those that evaluation jobs made
  // What is kept for tasks of sweeps that have succeeded, as "j-1, task 0".
  std::vector<std::string> checkpoints;
  // What could not be read, or read back wrong: findings as they are.
  std::vector<std::string> problems;
};

// All that is wrong, a sentence each; empty: nothing.
std::vector<std::string> Judge(const Book& book, const Observed& observed);

// A process that was killed.
struct Kill {
  absl::Time time;
  std::string process;
};

// True if a FAILED job failed for no other reason than that its workers, or
// what they write to, were killed as often as its broken task was tried: then a
// retry must bring it to its end.
bool ExcusedByKills(const v1::Job& job, const std::vector<Kill>& kills);

// Ids of the jobs that a retry must bring to their end, in the order in which
// to retry them: those that kills excuse, and those that failed because they
// wait for such a one.
std::vector<std::string> JobsToRetry(std::vector<v1::Job> jobs,
                                     const std::vector<Kill>& kills);

// The digest of sealed rows, from its definition in docs/storage_format.md and
// not from the code that the servers use. Rows in any order.
std::string DigestFromTheDocs(std::vector<v1::Example> rows);

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_ORACLE_H_
