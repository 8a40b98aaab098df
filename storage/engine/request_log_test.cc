#include "storage/engine/request_log.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "storage/engine/record.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

v1::RollbackAliasRequest MakeRequest(const std::string& id,
                                     const std::string& alias = "production") {
  v1::RollbackAliasRequest request;
  request.set_model("melanoma");
  request.set_alias(alias);
  request.set_request_id(id);
  return request;
}

RepeatableRequest MakeCall(const std::string& id,
                           const std::string& alias = "production") {
  return RequestOf("RollbackAlias", MakeRequest(id, alias));
}

int Count(const KeyValueStore& store) {
  const auto text = GetText(store, "count");
  return text.ok() ? std::stoi(*text) : 0;
}

// A change that shows when it is made twice: it counts. Its answer is the
// count.
absl::StatusOr<v1::Alias> Increment(RequestLog& log, KeyValueStore& store,
                                    const RepeatableRequest& call) {
  return log.Once<v1::Alias>(
      call, [&](const RequestEntry& entry) -> absl::StatusOr<v1::Alias> {
        v1::Alias answer;
        answer.set_version(Count(store) + 1);
        RETURN_IF_ERROR(entry.Apply(
            store, {PutText("count", std::to_string(answer.version()))},
            answer));
        return answer;
      });
}

std::unique_ptr<RequestLog> OpenLog(const KeyValueStore& store,
                                    size_t kept = kKeptRequestIds) {
  auto log = RequestLog::Open(store, kept);
  EXPECT_THAT(log, IsOk());
  return *std::move(log);
}

TEST(RequestOfTest, TheDigestIsOfAllButTheId) {
  EXPECT_EQ(MakeCall("a").digest, MakeCall("b").digest);
  EXPECT_NE(MakeCall("a").digest, MakeCall("a", "candidate").digest);
  EXPECT_EQ(MakeCall("a").id, "a");
  // python3 -c 'import hashlib
  // m = b"\x0a\x08melanoma\x12\x0aproduction"
  // print(hashlib.sha256(m).hexdigest())'
  EXPECT_EQ(MakeCall("a").digest,
            "d1a3393dd5a694060602c34d959565ae7a7cbb14256d74c5d0c9ea97ad1af0ef");
}

TEST(RequestLogTest, TheSameIdChangesOnceAndGetsTheSameAnswer) {
  MemoryStore store;
  const auto log = OpenLog(store);
  EXPECT_EQ(Increment(*log, store, MakeCall("a"))->version(), 1);
  EXPECT_EQ(Increment(*log, store, MakeCall("b"))->version(), 2);
  EXPECT_EQ(Increment(*log, store, MakeCall("a"))->version(), 1);
  EXPECT_EQ(Count(store), 2);
  EXPECT_EQ(log->Find<v1::Alias>(MakeCall("b"))->value().version(), 2);
  EXPECT_FALSE(log->Find<v1::Alias>(MakeCall("c"))->has_value());
}

TEST(RequestLogTest, WithoutAnIdEveryCallIsANewOne) {
  MemoryStore store;
  const auto log = OpenLog(store);
  EXPECT_EQ(Increment(*log, store, MakeCall(""))->version(), 1);
  EXPECT_EQ(Increment(*log, store, MakeCall(""))->version(), 2);
  EXPECT_EQ(store.rows().size(), 1u) << "nothing is remembered";
}

TEST(RequestLogTest, TheAnswerIsTheSameBytesAlsoWithMaps) {
  MemoryStore store;
  const auto log = OpenLog(store);
  v1::Dataset answer;
  for (const char* key : {"train/nevus", "test/nevus", "train/melanoma"}) {
    (*answer.mutable_draft_counts())[key] = 1;
  }
  const auto call = [&] {
    return log->Once<v1::Dataset>(
        MakeCall("a"),
        [&](const RequestEntry& entry) -> absl::StatusOr<v1::Dataset> {
          // It changed nothing.
          RETURN_IF_ERROR(entry.Apply(store, {}, answer));
          return answer;
        });
  };
  ASSERT_THAT(call(), IsOk());
  const std::string digest = MessageDigest(answer);
  answer.set_name("other");
  EXPECT_EQ(MessageDigest(*call()), digest);
}

TEST(RequestLogTest, AnotherBodyOrMethodUnderAnIdIsRefused) {
  MemoryStore store;
  const auto log = OpenLog(store);
  ASSERT_THAT(Increment(*log, store, MakeCall("a")), IsOk());
  const absl::Status body =
      Increment(*log, store, MakeCall("a", "candidate")).status();
  EXPECT_THAT(body, StatusIs(StatusCode::kAlreadyExists,
                             "request_id \"a\" was used for RollbackAlias with "
                             "another request; choose a new id"));
  EXPECT_EQ(ReasonOf(body), "REQUEST_ID_REUSED");
  const absl::Status method =
      Increment(*log, store, RequestOf("PromoteModel", MakeRequest("a")))
          .status();
  EXPECT_THAT(method,
              StatusIs(StatusCode::kAlreadyExists,
                       "was used for RollbackAlias, not for PromoteModel"));
  EXPECT_EQ(ReasonOf(method), "REQUEST_ID_REUSED");
  EXPECT_EQ(Count(store), 1);
}

TEST(RequestLogTest, AnIdHasAtMost64Bytes) {
  MemoryStore store;
  const auto log = OpenLog(store);
  EXPECT_THAT(Increment(*log, store, MakeCall(std::string(64, '!'))), IsOk());
  const absl::Status status =
      Increment(*log, store, MakeCall(std::string(65, 'x'))).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, "has 65 bytes"));
  EXPECT_EQ(ReasonOf(status), "REQUEST_ID_TOO_LONG");
  EXPECT_EQ(Count(store), 1);
}

TEST(RequestLogTest, AnErrorIsNoAnswer) {
  MemoryStore store;
  const auto log = OpenLog(store);
  const auto refuse = [](const RequestEntry&) -> absl::StatusOr<v1::Alias> {
    return absl::NotFoundError("not yet");
  };
  EXPECT_THAT(log->Once<v1::Alias>(MakeCall("a"), refuse),
              StatusIs(StatusCode::kNotFound, "not yet"));
  EXPECT_EQ(Increment(*log, store, MakeCall("a"))->version(), 1);
}

TEST(RequestLogTest, TheOldestIdsAreForgotten) {
  MemoryStore store;
  auto log = OpenLog(store, 3);
  for (const char* id : {"a", "b!c", "c", "a", "d"}) {
    ASSERT_THAT(Increment(*log, store, MakeCall(id)), IsOk());
  }
  EXPECT_EQ(Count(store), 4);
  EXPECT_FALSE(log->Find<v1::Alias>(MakeCall("a"))->has_value());
  EXPECT_EQ(store.rows().size(), 1u + 2 * 3) << "the count; ids and order";

  // Opened anew, it goes on where it was.
  log = OpenLog(store, 3);
  EXPECT_EQ(Increment(*log, store, MakeCall("a"))->version(), 5);
  EXPECT_FALSE(log->Find<v1::Alias>(MakeCall("b!c"))->has_value());
  EXPECT_EQ(log->Find<v1::Alias>(MakeCall("c"))->value().version(), 3);
  log = OpenLog(store, 1);
  ASSERT_THAT(Increment(*log, store, MakeCall("e")), IsOk());
  EXPECT_EQ(store.rows().size(), 1u + 2 * 1);
}

// Each write fails once: neither is there without the other, and the same calls
// made again come to the same end.
TEST(FailAtEveryPointTest, NoChangeWithoutItsAnswerNorAnswerWithoutChange) {
  const std::vector<std::string> kIds = {"a", "b", "c", "d"};
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    FailingStore store(memory, fail_at);
    auto log = OpenLog(store, 2);
    for (size_t i = 0; i < kIds.size(); ++i) {
      const auto answer = Increment(*log, store, MakeCall(kIds[i]));
      const auto found = log->Find<v1::Alias>(MakeCall(kIds[i]));
      ASSERT_THAT(found, IsOk());
      EXPECT_EQ(found->has_value(), answer.ok());
      if (!answer.ok()) {
        EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, "fail"));
        EXPECT_EQ(Count(memory), static_cast<int>(i));
        if (fail_at % 2 == 0) log = OpenLog(store, 2);  // a restart
        ASSERT_THAT(Increment(*log, store, MakeCall(kIds[i])), IsOk());
      }
      EXPECT_EQ(Count(memory), static_cast<int>(i) + 1);
      EXPECT_EQ(memory.rows().size(), 1 + 2 * std::min(i + 1, size_t{2}))
          << "a failed write forgets nothing, and the next one does";
    }
    if (!store.fired()) break;
  }
}

TEST(RequestLogTest, OfCallsAtOnceOneMakesTheChangeAndTheOthersGetItsAnswer) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 100;
  MemoryStore store;
  const auto log = OpenLog(store);
  std::vector<std::vector<int64_t>> answers(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 1; round <= kRounds; ++round) {
        const auto answer =
            Increment(*log, store, MakeCall(std::to_string(round)));
        EXPECT_THAT(answer, IsOk());
        answers[thread].push_back(answer.ok() ? answer->version() : 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Count(store), kRounds);
  for (int thread = 1; thread < kThreads; ++thread) {
    EXPECT_EQ(answers[thread], answers[0]);
  }
}

TEST(RequestLogTest, DifferentIdsDoNotWaitForEachOther) {
  MemoryStore store;
  const auto log = OpenLog(store);
  // Would never end if the inner call waited for the outer one.
  const auto outer = log->Once<v1::Alias>(
      MakeCall("a"),
      [&](const RequestEntry& entry) -> absl::StatusOr<v1::Alias> {
        EXPECT_THAT(Increment(*log, store, MakeCall("b")), IsOk());
        RETURN_IF_ERROR(entry.Apply(store, {}, v1::Alias()));
        return v1::Alias();
      });
  EXPECT_THAT(outer, IsOk());
  EXPECT_TRUE(log->Find<v1::Alias>(MakeCall("b"))->has_value());
}

TEST(RequestLogTest, DamageIsDataLossNamingTheKey) {
  MemoryStore store;
  auto log = OpenLog(store);
  ASSERT_THAT(Increment(*log, store, MakeCall("a")), IsOk());
  store.Damage("request!a");
  EXPECT_THAT(Increment(*log, store, MakeCall("a")),
              StatusIs(StatusCode::kDataLoss, "request!a"));
  EXPECT_EQ(Count(store), 1) << "not made a second time";
  ASSERT_THAT(store.Apply({{"request_order!x!a", ""}}), IsOk());
  EXPECT_THAT(RequestLog::Open(store),
              StatusIs(StatusCode::kDataLoss, "request_order!x!a"));
}

TEST(RequestLogTest, ReopeningKeepsTheAnswers) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    const auto log = OpenLog(**disk);
    ASSERT_THAT(Increment(*log, **disk, MakeCall("a")), IsOk());
    ASSERT_THAT(Increment(*log, **disk, MakeCall("b")), IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  const auto log = OpenLog(**disk);
  EXPECT_EQ(Increment(*log, **disk, MakeCall("a"))->version(), 1);
  EXPECT_EQ(Count(**disk), 2);
  EXPECT_EQ(ReasonOf(Increment(*log, **disk, MakeCall("b", "other")).status()),
            "REQUEST_ID_REUSED");
}

}  // namespace
}  // namespace nevus
