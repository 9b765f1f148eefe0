// Work that XLA's own threads share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#ifdef __linux__
#include <sched.h>
#endif

#include "xla/ffi/api/ffi.h"

constexpr int64_t kMostThreads = 64;
constexpr int64_t kItemsPerThread = 24;

// The CPU that this thread runs on; -1 where that is not known.
inline int Cpu() {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}

// Moves this thread elsewhere if it runs on this CPU. Linux often wakes a thread where the one runs that woke it, and
// moves it only after milliseconds: until then both would share one CPU while another has nothing to do.
inline void Leave(int cpu) {
#ifdef __linux__
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getcpu() != cpu) return;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) == 0) return;
  sched_setaffinity(0, sizeof(others), &others);
  sched_setaffinity(0, sizeof(allowed), &allowed);
#endif
}

// So many things in pieces; where they do not divide, the first pieces have one more.
struct Pieces {
  int64_t least, longer;

  Pieces(int64_t count, int64_t pieces) : least(count / pieces), longer(count % pieces) {}

  // Where a piece begins, which is where the one before it ends.
  int64_t First(int64_t piece) const { return piece * least + std::min(piece, longer); }
};

// Calls work(i) for all 0 <= i < items, on this thread and on those of the pool that are free. Each thread begins with
// a range of its own, in whose cache the layer before may have left what it reads, and then helps with the others'.
// Threads that come too late find nothing left to do: this waits for what others have begun, and never for them to
// begin.
template <typename Work>
void Parallel(xla::ffi::ThreadPool& pool, int64_t threads, int64_t items, const Work& work) {
  struct Range {
    alignas(64) std::atomic<int64_t> next;
    int64_t end;
  };
  struct Shared {
    Range ranges[kMostThreads];
    alignas(64) std::atomic<int64_t> done{0};
  };
  threads = std::min({threads, items, kMostThreads});
  if (threads <= 1) {
    for (int64_t i = 0; i < items; ++i) work(i);
    return;
  }
  auto shared = std::make_shared<Shared>();
  const Pieces pieces(items, threads);
  for (int64_t t = 0; t < threads; ++t) {
    shared->ranges[t].next.store(pieces.First(t), std::memory_order_relaxed);
    shared->ranges[t].end = pieces.First(t + 1);
  }
  // `work` is read only for an item that is not done, which is while the caller waits.
  auto help = [shared, threads, work = &work](int64_t own) {
    int64_t done = 0;
    for (int64_t t = 0; t < threads; ++t) {
      Range& range = shared->ranges[(own + t) % threads];
      for (int64_t i; (i = range.next.fetch_add(1, std::memory_order_relaxed)) < range.end; ++done) (*work)(i);
    }
    shared->done.fetch_add(done, std::memory_order_release);
  };
  const int here = Cpu();
  for (int64_t t = 1; t < threads; ++t) {
    pool.Schedule([help, t, here] {
      Leave(here);
      help(t);
    });
  }
  help(0);
  for (int spins = 0; shared->done.load(std::memory_order_acquire) < items; ++spins) {
    if (spins > 4096) std::this_thread::yield();
  }
}

// How many threads share a kernel's work.
inline int64_t Threads(xla::ffi::ThreadPool& pool, bool worth_sharing) {
  return worth_sharing ? std::max<int64_t>(1, pool.num_threads()) : 1;
}

// Calls work(i) for all 0 <= i < count; neighbours are one item for the threads.
template <typename Work>
void ParallelFor(xla::ffi::ThreadPool& pool, int64_t threads, int64_t count, const Work& work) {
  const int64_t items = std::min(count, kItemsPerThread * threads);
  const Pieces pieces(count, items);
  Parallel(pool, threads, items, [&](int64_t item) {
    for (int64_t i = pieces.First(item); i < pieces.First(item + 1); ++i) work(i);
  });
}
