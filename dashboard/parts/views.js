// Searches that this browser keeps under a name.
const PLACE = "spaces-views";
export default {
  template: `
  <div class="chips" aria-label="Views" role="group">
    <a v-for="v in fixed" :key="v.name" class="chip" :class="{ on: v.q === value }" :href="href(v.q)">{{ v.name }}</a>
    <span v-for="v in own" :key="'own' + v.name" class="chip" :class="{ on: v.q === value }">
      <a :href="href(v.q)">{{ v.name }}</a>
      <button type="button" class="copy" :aria-label="'Forget the view ' + v.name" @click="forget(v)"><i class="material-icons" aria-hidden="true">close</i></button>
    </span>
    <button v-if="value && !known && !naming" type="button" class="chip" @click="begin">Save this view</button>
    <form v-if="naming" class="row-line" @submit.prevent="save">
      <input ref="name" class="in" style="width: 160px; min-height: 28px; padding: 2px 8px" v-model="name" aria-label="Name of the view" maxlength="40" required>
      <button class="btn small primary">Save</button>
    </form>
  </div>`,
  props: { fixed: Array, value: String, page: String },
  data: () => ({ own: [], naming: false, name: "" }),
  computed: {
    known() {
      return [...this.fixed, ...this.own].some((view) => view.q === this.value);
    },
  },
  mounted() {
    try {
      this.own = JSON.parse(localStorage.getItem(PLACE)) ?? [];
    } catch {
      this.own = [];
    }
  },
  methods: {
    href(q) {
      return this.page + (q ? "?q=" + encodeURIComponent(q) : "");
    },
    begin() {
      this.naming = true;
      this.$nextTick(() => this.$refs.name.focus());
    },
    save() {
      this.own = [...this.own.filter((view) => view.name !== this.name), { name: this.name, q: this.value }];
      localStorage.setItem(PLACE, JSON.stringify(this.own));
      this.naming = false;
      this.name = "";
    },
    forget(view) {
      this.own = this.own.filter((each) => each !== view);
      localStorage.setItem(PLACE, JSON.stringify(this.own));
    },
  },
};
