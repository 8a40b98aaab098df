// Commands about jobs, from their arguments to exit code, stdout and request,
// against a fake platform.
#include <set>
#include <sstream>

#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/fake_platform.h"
#include "clients/nevus/output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class JobCliTest : public ::testing::Test {
 protected:
  int Run(std::vector<std::string> args) {
    out_.str("");
    err_.str("");
    const Terminal terminal{out_, err_, terminal_, platform_.address()};
    return RunCommandLine(AllCommands(), args, terminal);
  }
  int Run(std::vector<std::string> args, const std::vector<std::string>& more) {
    args.insert(args.end(), more.begin(), more.end());
    return Run(args);
  }
  v1::Job Put(const std::string& id, v1::JobState state,
              v1::WorkerKind kind = v1::TRAINING,
              const std::string& result = "") {
    v1::Job job;
    job.set_id(id);
    job.set_kind(kind);
    job.set_title("title of " + id);
    job.set_state(state);
    job.set_result(result);
    if (state == v1::FAILED) {
      job.mutable_error()->set_code(5);
      job.mutable_error()->set_reason("FEATURES_MISSING");
      job.mutable_error()->set_message("extract first");
    }
    platform_.jobs().Put(job);
    return job;
  }
  void TellLog(const std::string& id, int task, const std::string& line) {
    v1::JobEvent event;
    event.mutable_log()->set_task(task);
    event.mutable_log()->set_worker("w1");
    event.mutable_log()->set_line(line);
    platform_.jobs().Tell(id, event);
  }
  void PutPipeline() {
    Put(FakePlatform::kExtractJob, v1::SUCCEEDED, v1::EXTRACTION);
    Put(FakePlatform::kTrainJob, v1::SUCCEEDED, v1::TRAINING, "m@3");
    Put(FakePlatform::kEvaluateJob, v1::SUCCEEDED, v1::EVALUATION);
  }

  const std::vector<std::string> train_ = {"train",   "d@2", "--backbone", "b",
                                           "--model", "m",   "--positive", "x"};
  const std::vector<std::string> pipeline_ = {
      "pipeline", "d@2", "--backbone", "b", "--model", "m", "--positive", "x"};
  bool terminal_ = false;
  FakePlatform platform_;
  TempDir dir_;
  std::ostringstream out_, err_;
};

TEST_F(JobCliTest, WatchExitsAsTheJobEnded) {
  Put("j-1", v1::SUCCEEDED);
  Put("j-2", v1::FAILED);
  Put("j-3", v1::CANCELLED);
  for (const bool terminal : {false, true}) {
    terminal_ = terminal;
    EXPECT_EQ(Run({"job", "watch", "j-1"}), 0);
    EXPECT_EQ(Run({"job", "watch", "j-2"}), 1);
    EXPECT_THAT(err_.str(), HasSubstr("extract first"));
    EXPECT_EQ(Run({"job", "watch", "j-3"}), 4);
    EXPECT_EQ(Run({"job", "watch", "j-4"}), 1);  // there is none
    EXPECT_EQ(Run({"job", "watch", "j-1", "--server", "ingestion=h:1"}), 3);
  }
}

TEST_F(JobCliTest, AJobsOwnErrorIsNoMatterOfThisClient) {
  v1::Job job = Put("j-1", v1::FAILED);
  job.mutable_error()->set_reason("SERVER_UNREACHABLE");
  platform_.jobs().Put(job);
  EXPECT_EQ(Run({"job", "watch", "j-1"}), 1);
}

TEST_F(JobCliTest, WatchSaysEachEventOnceAndEndsWithOneValue) {
  Put("j-1", v1::SUCCEEDED);
  for (const char* line : {"one", "two", "three"}) TellLog("j-1", 0, line);
  platform_.jobs().Cut({{3}});
  EXPECT_EQ(Run({"job", "watch", "j-1", "--output", "json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["state"], "SUCCEEDED");
  EXPECT_EQ(err_.str(),
            "j-1, title of j-1: SUCCEEDED\n"
            "1 1970-01-01T00:00:00Z task 0, w1: one\n"
            "2 1970-01-01T00:00:00Z task 0, w1: two\n"
            "3 1970-01-01T00:00:00Z task 0, w1: three\n");
}

TEST_F(JobCliTest, ATerminalSeesTheJobsLastState) {
  Put("j-1", v1::FAILED);
  terminal_ = true;
  EXPECT_EQ(Run({"job", "watch", "j-1"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("title of j-1  FAILED: extract first "
                                    "(FEATURES_MISSING)\x1b[K\n"));
}

TEST_F(JobCliTest, EventsAreLinesOfJsonAfterTheOneThatWasSeen) {
  Put("j-1", v1::FAILED);
  for (const char* line : {"one", "two", "three"}) TellLog("j-1", 0, line);
  EXPECT_EQ(Run({"job", "watch", "j-1", "--events", "--after", "1"}), 1);
  std::istringstream lines(out_.str());
  std::vector<std::string> logs;
  for (std::string line; std::getline(lines, line);) {
    logs.push_back(Json::parse(line)["log"]["line"]);
  }
  EXPECT_THAT(logs, ElementsAre("two", "three"));
}

TEST_F(JobCliTest, LogsAreThePastUnlessFollowed) {
  v1::Job job = Put("j-1", v1::RUNNING);
  job.add_tasks();
  job.add_tasks()->set_index(1);
  platform_.jobs().Put(job);
  TellLog("j-1", 0, "one");
  v1::JobEvent other;
  other.mutable_state()->set_state(v1::RUNNING);
  platform_.jobs().Tell("j-1", other);
  TellLog("j-1", 1, "two");
  EXPECT_EQ(Run({"job", "logs", "j-1"}), 0);
  EXPECT_EQ(out_.str(),
            "1 1970-01-01T00:00:00Z task 0, w1: one\n"
            "3 1970-01-01T00:00:00Z task 1, w1: two\n");
  EXPECT_EQ(Run({"job", "logs", "j-1", "--task", "1", "--output", "json"}), 0);
  const Json json = Json::parse(out_.str());
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["line"], "two");
  EXPECT_EQ(json[0]["number"], 3);
  EXPECT_EQ(Run({"job", "logs", "j-1", "--task", "2"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("has no task 2; it has 2"));

  job.set_state(v1::FAILED);
  platform_.jobs().Put(job);
  EXPECT_EQ(Run({"job", "logs", "j-1", "--follow", "--output", "csv"}), 0);
  EXPECT_EQ(out_.str(),
            "event,time,task,worker,line\n"
            "1,1970-01-01T00:00:00+00:00,0,w1,one\n"
            "3,1970-01-01T00:00:00+00:00,1,w1,two\n");
}

TEST_F(JobCliTest, ShowHasFieldsAndTasksUpToTheLimit) {
  v1::Job job = Put("j-1", v1::RUNNING);
  for (int i = 0; i < 3; ++i) {
    job.add_tasks()->set_index(i);
    job.mutable_tasks(i)->set_title("hidden=" + std::to_string(i));
    v1::Metric* metric =
        job.mutable_tasks(i)->mutable_progress()->add_metrics();
    metric->set_name("validation_auc");
    metric->set_value(0.5 + 0.1 * i);
  }
  platform_.jobs().Put(job);
  EXPECT_EQ(Run({"job", "show", "j-1", "--limit", "2"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("title  title of j-1"));
  EXPECT_THAT(out_.str(), HasSubstr("hidden=2"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("hidden=0")));
  EXPECT_THAT(err_.str(), HasSubstr("1 more tasks"));
  EXPECT_EQ(Run({"job", "show", "j-1", "--output", "csv"}), 0);
  EXPECT_THAT(out_.str(), ::testing::StartsWith("task,title,state,"));
  EXPECT_THAT(out_.str(), HasSubstr("\n2,hidden=2,"));
  EXPECT_EQ(Run({"job", "show", "j-1", "--limit", "1", "--output", "json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["tasks"].size(), 3u);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(JobCliTest, ListFiltersByStateAcrossPages) {
  for (int i = 0; i < 5; ++i) {
    Put("j-" + std::to_string(i), i % 2 == 0 ? v1::FAILED : v1::RUNNING);
  }
  EXPECT_EQ(Run({"job", "list", "--output", "json"}), 0);
  EXPECT_EQ(Json::parse(out_.str()).size(), 5u);
  EXPECT_EQ(Run({"job", "list", "--limit", "3", "--output", "json"}), 0);
  EXPECT_EQ(Json::parse(out_.str()).size(), 3u);
  EXPECT_EQ(Run({"job", "list", "--state", "failed", "--output", "csv"}), 0);
  EXPECT_EQ(out_.str(),
            "job,state,reason,age,progress,title,result\n"
            "j-4,FAILED,FEATURES_MISSING,,,title of j-4,\n"
            "j-2,FAILED,FEATURES_MISSING,,,title of j-2,\n"
            "j-0,FAILED,FEATURES_MISSING,,,title of j-0,\n");
  EXPECT_EQ(Run({"job", "list", "--state", "broken"}), 2);
}

TEST_F(JobCliTest, TrainingTakesOneOrASweep) {
  Put(FakePlatform::kTrainJob, v1::PENDING);
  ASSERT_EQ(Run(train_), 0) << err_.str();
  v1::TrainRequest request = platform_.requests().Last<v1::TrainRequest>();
  EXPECT_FALSE(request.has_hidden());
  EXPECT_FALSE(request.has_sweep());

  ASSERT_EQ(Run(train_,
                {"--hidden", "64", "--sweep", "seed=1..3", "--priority", "-7"}),
            0)
      << err_.str();
  request = platform_.requests().Last<v1::TrainRequest>();
  EXPECT_FALSE(request.has_hidden());
  EXPECT_EQ(request.seed(), 0u);
  EXPECT_THAT(request.sweep().hidden(), ElementsAre(64));
  EXPECT_THAT(request.sweep().seed(), ElementsAre(1u, 2u, 3u));
  EXPECT_EQ(request.priority(), -7);

  // One combination is no sweep.
  ASSERT_EQ(Run(train_, {"--sweep", "hidden=0", "--sweep=seed=5"}), 0);
  request = platform_.requests().Last<v1::TrainRequest>();
  EXPECT_FALSE(request.has_sweep());
  EXPECT_TRUE(request.has_hidden());
  EXPECT_EQ(request.hidden(), 0);
  EXPECT_EQ(request.seed(), 5u);
}

TEST_F(JobCliTest, WrongSweepsAndPrioritiesSubmitNothing) {
  Put(FakePlatform::kTrainJob, v1::PENDING);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{
           {"--sweep", "hidden"},
           {"--sweep", "seed=1..2000"},
           {"--hidden", "1", "--sweep", "hidden=1,2"},
           {"--seed", "1", "--sweep", "seed=1..2"},
           {"--hidden", "4097"},
           {"--priority", "101"},
           {"--priority", "-101"}}) {
    SCOPED_TRACE(wrong[1]);
    EXPECT_EQ(Run(train_, wrong), 2);
  }
  EXPECT_EQ(platform_.requests().size(), 0u);
}

TEST_F(JobCliTest, APipelineIsSubmittedAsOne) {
  PutPipeline();
  ASSERT_EQ(Run(pipeline_, {"--sweep", "seed=1,2", "--output", "json"}), 0)
      << err_.str();
  EXPECT_EQ(Json::parse(out_.str())["jobs"].size(), 3u);
  const auto request = platform_.requests().Last<v1::RunPipelineRequest>();
  EXPECT_EQ(request.split(), "validation");
  EXPECT_EQ(request.train().dataset(), "d");
  EXPECT_EQ(request.train().version(), 2);
  EXPECT_EQ(request.train().sweep().seed_size(), 2);
  EXPECT_FALSE(request.request_id().empty());
  EXPECT_LE(request.request_id().size(), 48u);
  EXPECT_EQ(Run(pipeline_, {"--split", "test"}), 2);
}

TEST_F(JobCliTest, APipelineThatIsWaitedForEndsWithItsEvaluation) {
  PutPipeline();
  ASSERT_EQ(
      Run(pipeline_, {"--report", dir_.File("r.html"), "--output", "json"}), 0)
      << err_.str();
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["model_version"], 3);  // what the training job made
  EXPECT_EQ(json["dataset"], "d");
  EXPECT_EQ(json["auc"], 0.75);
  EXPECT_EQ(*ReadFile(dir_.File("r.html"), 100), "<html>");
}

TEST_F(JobCliTest, APipelineSaysWhichStepFailed) {
  PutPipeline();
  Put(FakePlatform::kTrainJob, v1::FAILED);
  EXPECT_EQ(Run(pipeline_, {"--wait"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("step 2 of 3 (title of j-train): the job "
                                    "j-train failed: extract first"));
  Put(FakePlatform::kExtractJob, v1::CANCELLED, v1::EXTRACTION);
  EXPECT_EQ(Run(pipeline_, {"--wait", "--output", "json"}), 4);
  EXPECT_EQ(Json::parse(out_.str())["error"]["reason"], "JOB_CANCELLED");
}

TEST_F(JobCliTest, EveryCallThatChangesSomethingHasAFreshRequestId) {
  PutPipeline();
  Put("j-1", v1::RUNNING);
  const std::vector<std::string> evaluate = {"evaluate", "m@1",     "--dataset",
                                             "d@2",      "--split", "train"};
  const std::vector<std::string> import = {
      "backbone", "import", "b", "--arch", "vgg16", "--weights", "random:1"};
  const Requests& requests = platform_.requests();
  std::set<std::string> ids;
  for (int round = 0; round < 2; ++round) {
    for (const std::vector<std::string>& args :
         std::vector<std::vector<std::string>>{
             {"dataset", "split", "d", "--train", "1", "--validation", "0"},
             {"dataset", "seal", "d"},
             {"dataset", "delete", "d", "--yes"},
             {"backbone", "delete", "b"},
             import,
             {"extract", "d@2", "--backbone", "b"},
             train_,
             evaluate,
             pipeline_,
             {"model", "promote", "m@1", "--alias", "a"},
             {"model", "rollback", "m@a"},
             {"job", "cancel", "j-1"},
             {"job", "retry", "j-1"}}) {
      EXPECT_EQ(Run(args), 0) << args[0] << ": " << err_.str();
    }
    for (const std::string& id :
         {requests.Last<v1::SplitDatasetRequest>().request_id(),
          requests.Last<v1::SealDatasetRequest>().request_id(),
          requests.Last<v1::DeleteDatasetRequest>().request_id(),
          requests.Last<v1::DeleteBackboneRequest>().request_id(),
          requests.Last<v1::BackboneUpload>().request_id(),
          requests.Last<v1::ExtractRequest>().request_id(),
          requests.Last<v1::TrainRequest>().request_id(),
          requests.Last<v1::EvaluateRequest>().request_id(),
          requests.Last<v1::RunPipelineRequest>().request_id(),
          requests.Last<v1::PromoteModelRequest>().request_id(),
          requests.Last<v1::RollbackAliasRequest>().request_id()}) {
      EXPECT_EQ(id.size(), 32u);
      EXPECT_TRUE(ids.insert(id).second) << "a request_id was used twice";
    }
  }
  for (const std::string& id : platform_.jobs().request_ids()) {
    EXPECT_EQ(id.size(), 32u);
    EXPECT_TRUE(ids.insert(id).second) << "a request_id was used twice";
  }
  EXPECT_EQ(ids.size(), 2u * 13);
}

}  // namespace
}  // namespace nevus
