// Runs a loop compiled for the best instruction set that the processor has. A
// loop that the compiler turns into vectors gets wider ones; where products and
// sums are not fused (-ffp-contract=off) its results are the same bits on all.
#ifndef NEVUS_COMPUTE_CLASSIFIER_INSTRUCTION_SETS_H_
#define NEVUS_COMPUTE_CLASSIFIER_INSTRUCTION_SETS_H_

// Of a lambda given to RunOnBest, behind its parameters: it must become part of
// the function that has the instruction set.
#define NEVUS_LOOP __attribute__((always_inline))

#if defined(__x86_64__)
#define NEVUS_TARGET(sets) __attribute__((target(sets)))
#else
#define NEVUS_TARGET(sets)
#endif

namespace nevus {

enum class InstructionSet { kBase, kAvx2, kAvx512 };

inline InstructionSet BestInstructionSet() {
#if defined(__x86_64__)
  static const InstructionSet best =
      __builtin_cpu_supports("avx512f") != 0 ? InstructionSet::kAvx512
      : __builtin_cpu_supports("avx2") != 0  ? InstructionSet::kAvx2
                                             : InstructionSet::kBase;
  return best;
#else
  return InstructionSet::kBase;
#endif
}

template <typename Loop>
NEVUS_TARGET("avx512f")
void RunOnAvx512(const Loop& loop) {
  loop();
}

template <typename Loop>
NEVUS_TARGET("avx2")
void RunOnAvx2(const Loop& loop) {
  loop();
}

// `loop` is [&]() NEVUS_LOOP {...}.
template <typename Loop>
void RunOnBest(const Loop& loop) {
  switch (BestInstructionSet()) {
    case InstructionSet::kAvx512:
      return RunOnAvx512(loop);
    case InstructionSet::kAvx2:
      return RunOnAvx2(loop);
    case InstructionSet::kBase:
      return loop();
  }
}

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_INSTRUCTION_SETS_H_
