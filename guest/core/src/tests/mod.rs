//! The tests of core that tell a story; small facts are tested beside what they are about.
